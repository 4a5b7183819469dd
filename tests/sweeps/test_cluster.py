"""A real Dask scheduler with two workers on the loopback interface."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import dmft
from dmft.errors import ParameterError, WorkerError

pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("default")  # those of the cluster's own libraries are not ours

GRID = {"alpha": (1.0, 3.0, 4)}


@pytest.fixture
def scheduler(tmp_path):
    """Address of a scheduler with two workers in processes of their own."""
    started = []

    def start(module, *words):
        command = [sys.executable, "-m", "distributed.cli." + module, *words, "--no-dashboard"]
        started.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path))
        return started[-1]

    process = start("dask_scheduler", "--host", "127.0.0.1", "--port", "0")
    address = next(match[0] for line in process.stderr if (match := re.search(r"tcp://127\.0\.0\.1:\d+", line)))
    for _ in range(2):
        start("dask_worker", address, "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1")
    yield address
    for process in started:
        process.kill()
        process.communicate()


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
