"""A real Dask scheduler with two workers on the loopback interface."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import dmft
from dmft.errors import ParameterError, WorkerError
from dmft.sweeps.store import Store

pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("default")  # those of the cluster's own libraries are not ours

ROOT = Path(__file__).resolve().parents[2]
GRID = {"alpha": (1.0, 3.0, 4)}
#: The command line on a cluster, with what a full disk looks like if a limit is given.
SCRIPT = """
import resource, sys
import dmft_trouble
from dmft.cli import main
if int(sys.argv[3]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
words = ["--over", "x=-1:1:12", "--seconds", "0.2", "-o", sys.argv[1], "--dask", sys.argv[2], "--no-figure"]
sys.argv = ["dmft", "sweep", "trouble", *words]
main()
"""


@pytest.fixture
def cluster(tmp_path, trouble):
    """Address of a scheduler with two workers, and their processes: the scheduler's first."""
    started = []
    plugin = Path(sys.modules["dmft_trouble"].__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(plugin), str(ROOT)])}

    def start(module, *words):
        command = [sys.executable, "-m", "distributed.cli." + module, *words, "--no-dashboard"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment)
        started.append(process)
        return process

    process = start("dask_scheduler", "--host", "127.0.0.1", "--port", "0")
    address = next(match[0] for line in process.stderr if (match := re.search(r"tcp://127\.0\.0\.1:\d+", line)))
    for _ in range(2):
        start("dask_worker", address, "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1")
    yield address, started
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def scheduler(cluster):
    """The address alone."""
    return cluster[0]


@pytest.fixture
def begin(cluster, output):
    """Start a sweep of slow points on the cluster in a process of its own, as the command line does."""
    plugin = Path(sys.modules["dmft_trouble"].__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(plugin), str(ROOT)])}

    def start(limit=0):
        command = [sys.executable, "-c", SCRIPT, str(output), cluster[0], str(limit)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def wait_for_points(output, count):
    for _ in range(1000):
        if len(list(Store(output).folder.glob("*.npz"))) >= count:
            return
        time.sleep(0.02)
    raise AssertionError("no points")


@pytest.mark.slow
def test_killed_worker(cluster, begin, output, assert_same):
    """The other one does all the points; the result has the bits of local workers."""
    process = begin()
    wait_for_points(output, 3)
    cluster[1][1].kill()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "all 12 points done" in out
    assert_same(dmft.load(output), dmft.sweep("trouble", {"x": (-1, 1, 12)}, seconds=0.2, jobs=2))


@pytest.mark.slow
def test_killed_scheduler(cluster, begin, output):
    """One line, exit code 1; finished points are kept, and the sweep goes on without the cluster."""
    process = begin()
    wait_for_points(output, 3)
    cluster[1][0].kill()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    (line,) = err.splitlines()
    assert re.match(
        r"dmft: error: the Dask scheduler at tcp://127\.0\.0\.1:\d+ went away: finished points are kept", line
    )
    kept = len(list(Store(output).folder.glob("*.npz")))
    assert 3 <= kept < 12
    stamps = {path: path.stat().st_mtime_ns for path in Store(output).folder.glob("*.npz")}
    assert dmft.sweep("trouble", {"x": (-1, 1, 12)}, output, seconds=0.2, jobs=2).status.success
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())


@pytest.mark.slow
def test_full_disk(begin, output):
    process = begin(limit=600)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    (line,) = err.splitlines()
    assert "not enough space" in line
    assert not list(Store(output).folder.glob("*.npz"))


def test_recipe_for_slurm(tmp_path, monkeypatch):
    """The cluster of docs/sweeps.rst, but without its jobs: what would be given to sbatch."""
    pytest.importorskip("dask_jobqueue")
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "sweeps.rst").read_text()
    (code,) = re.findall(r"   (cluster = SLURMCluster\(.*?\]\))\n", page, re.DOTALL)
    local = {"host": "127.0.0.1", "dashboard_address": None}
    names = {}
    exec(f"from functools import partial\nfrom dask_jobqueue import SLURMCluster\n"
         f"SLURMCluster = partial(SLURMCluster, scheduler_options={local})\n{code}", names)  # fmt: skip
    with names["cluster"] as cluster:
        script = cluster.job_script()
        assert cluster.scheduler_address.startswith("tcp://127.0.0.1:")
    for line in ("#SBATCH --cpus-per-task=1", "#SBATCH --mem=4G", "#SBATCH -t 02:00:00", "--nthreads 1"):
        assert line in script
    assert script.index("export NUMBA_NUM_THREADS=1 OMP_NUM_THREADS=1") < script.index("distributed.cli.dask_worker")


@pytest.mark.slow
def test_same_bits_as_local_workers(scheduler, output, assert_same):
    options = {"steps": 4, "paths": 64, "seed": 2}
    diagram = dmft.sweep("sgd", GRID, output, dask=scheduler, **options)
    assert diagram.status.success
    assert_same(diagram, dmft.sweep("sgd", GRID, jobs=2, **options))
    assert dmft.sweep("sgd", GRID, output, jobs=1, **options).status.success, "continued without the cluster"


@pytest.mark.slow
def test_local_cluster(assert_same):
    diagram = dmft.sweep("sgd/ridge", GRID, dask="local", jobs=2, steps=4)
    assert_same(diagram, dmft.sweep("sgd/ridge", GRID, jobs=2, steps=4))


def test_dead_address(monkeypatch, output):
    monkeypatch.setattr("dmft.sweeps.cluster.TIMEOUT", 0.5)
    with pytest.raises(WorkerError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        dmft.sweep("sgd/ridge", GRID, output, dask="tcp://127.0.0.1:9")
    # nothing was calculated, so nothing stands in the way of another sweep
    assert dmft.sweep("sgd/ridge", GRID, output, steps=3, jobs=1).status.success


def test_not_an_address():
    with pytest.raises((ParameterError, WorkerError), match="nonsense"):
        dmft.sweep("sgd/ridge", GRID, dask="nonsense://")


def test_dask_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WorkerError, match=r"dmft\[cluster\]"):
        dmft.sweep("sgd/ridge", GRID, dask="local")
