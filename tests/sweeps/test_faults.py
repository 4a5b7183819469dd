"""Killed workers, killed sweeps, full disks, damaged and foreign points: never a wrong number."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

import dmft
from dmft.errors import OutputError, StoreError
from dmft.sweeps import store
from dmft.sweeps.store import Store

ROOT = Path(dmft.__file__).parents[1]
#: A sweep of slow points in a process of its own; what a full disk looks like if a limit is given.
SCRIPT = """
import resource, sys
import dmft_trouble, dmft
if int(sys.argv[2]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    diagram = dmft.sweep("trouble", {"x": (-1, 1, 12)}, sys.argv[1], seconds=0.1, jobs=2)
except dmft.DMFTError as error:
    sys.exit(str(error))
print(diagram.status.code)
"""


@pytest.fixture
def begin(trouble, output):
    """Start the sweep of :data:`SCRIPT`."""
    plugin = Path(sys.modules["dmft_trouble"].__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(plugin), str(ROOT)])}

    def start(limit=0):
        command = [sys.executable, "-W", "error", "-c", SCRIPT, str(output), str(limit)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def finished(output, count):
    """Wait until so many points are there."""
    folder = Store(output).folder
    for _ in range(600):
        names = list(folder.glob("*.npz"))
        if len(names) >= count:
            return names
        time.sleep(0.02)
    raise AssertionError("no points")


@pytest.mark.slow
def test_killed_in_the_middle_and_resumed(begin, output, trouble, assert_same):
    process = begin()
    finished(output, 4)
    process.kill()
    process.communicate()
    assert not output.exists()
    before = {path: path.stat().st_mtime_ns for path in finished(output, 4)}
    assert len(before) < 12
    resumed = dmft.sweep(trouble, {"x": (-1, 1, 12)}, output, seconds=0.1, jobs=2)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())
    assert_same(resumed, dmft.sweep(trouble, {"x": (-1, 1, 12)}, seconds=0.1, jobs=2))


def test_interrupt_writes_what_there_is(begin, output):
    process = begin()
    finished(output, 4)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (out.strip(), err) == ("interrupted", "")
    diagram = dmft.load(output)
    assert 4 <= diagram.counts["converged"] < 12
    assert diagram.counts["missing"] == 12 - diagram.counts["converged"]


def test_two_sweeps_at_once(begin, output, trouble):
    process = begin()
    finished(output, 1)
    with pytest.raises(StoreError, match=f"another sweep is at work.*process {process.pid}"):
        dmft.sweep(trouble, {"x": (-1, 1, 12)}, output, seconds=0.1, jobs=1)
    with pytest.raises(StoreError, match="another sweep is at work"):
        dmft.sweep(trouble, {"x": (-1, 1, 12)}, output, seconds=0.1, jobs=1, shard="1/2")
    process.kill()
    process.communicate()


def test_workers_do_not_outlive_a_killed_sweep(begin, output):
    process = begin()
    finished(output, 1)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        process.kill()
        process.communicate()
        pytest.skip("the system does not tell the children of a process")
    workers = children.read_text().split()
    assert len(workers) == 2
    process.kill()
    process.communicate()
    for _ in range(250):
        alive = [pid for pid in workers if _state(pid) not in ("", "Z")]
        if not alive:
            break
        time.sleep(0.02)
    assert not alive


def _state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def test_full_disk(begin, output, trouble, assert_same):
    process = begin(limit=600)  # manifest and lock fit, no point does
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "not enough space" in err
    assert "Traceback" not in err
    assert not output.exists()
    assert not list(Store(output).folder.glob("*.npz"))
    again = dmft.sweep(trouble, {"x": (-1, 1, 12)}, output, seconds=0.1, jobs=2)
    assert again.status.success


def test_full_disk_when_all_is_put_together(begin, output, trouble, assert_same):
    """Every point fits, the phase diagram does not: nothing is half written, and the same command ends it."""
    process = begin(limit=8000)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "not enough space" in err
    assert len(err.splitlines()) == 1
    assert not output.exists()
    assert len(list(Store(output).folder.glob("*.npz"))) == 12
    assert not list(output.parent.glob("*.tmp*"))
    again = dmft.sweep(trouble, {"x": (-1, 1, 12)}, output, seconds=0.1, jobs=2)
    assert again.status.success
    assert_same(dmft.load(output), again)


def test_killed_worker(trouble, tmp_path):
    diagram = dmft.sweep(trouble, {"x": (-1, 1, 5)}, mode="kill", jobs=2)
    assert diagram.counts["failed"] == 2
    assert "SIGKILL" in diagram.failures[0]["error"]
    assert diagram.counts["converged"] == 3
    once = dmft.sweep(trouble, {"x": (-1, 1, 5)}, mode="once", folder=str(tmp_path), jobs=2)
    assert once.status.success, "a point is tried once more"


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "foreign"])
def test_damaged_points_are_calculated_anew(output, damage, assert_same):
    good = dmft.sweep("sgd/ridge", {"alpha": [1.0, 2.0]}, output, steps=5, jobs=1)
    one, other = sorted(Store(output).folder.glob("*.npz"))
    data = one.read_bytes()
    middle = len(data) // 3
    flipped = data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]
    one.write_bytes({"cut": data[:-9], "flip": flipped, "empty": b"", "foreign": other.read_bytes()}[damage])
    with pytest.warns(UserWarning, match="calculated anew"):
        again = dmft.sweep("sgd/ridge", {"alpha": [1.0, 2.0]}, output, steps=5, jobs=1)
    assert_same(again, good)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dmft.sweep("sgd/ridge", {"alpha": [1.0, 2.0]}, output, steps=5, jobs=1)


def test_damaged_manifest(output):
    dmft.sweep("sgd/ridge", {"alpha": [1.0]}, output, steps=5, jobs=1)
    (Store(output).folder / store.MANIFEST).write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        dmft.sweep("sgd/ridge", {"alpha": [1.0]}, output, steps=5, jobs=1)


def test_points_of_another_version_are_not_mixed(output, monkeypatch):
    dmft.sweep("sgd/ridge", {"alpha": [1.0]}, output, steps=5, jobs=1)
    monkeypatch.setattr("dmft.sweeps.plan.package_version", lambda: "9.9")
    with pytest.raises(StoreError, match="version there is"):
        dmft.sweep("sgd/ridge", {"alpha": [1.0]}, output, steps=5, jobs=1)


def test_folder_that_cannot_be_written_to(output, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OutputError, match="cannot be written to"):
        dmft.sweep("sgd/ridge", {"alpha": [1.0]}, output, jobs=1)


def test_points_folder_is_a_file(output):
    Store(output).folder.write_text("")
    with pytest.raises(OutputError, match="is not a folder"):
        dmft.sweep("sgd/ridge", {"alpha": [1.0]}, output, jobs=1)


def test_phase_file_survives_without_its_points(output):
    dmft.sweep("sgd/ridge", {"alpha": [1.0]}, output, steps=5, jobs=1)
    shutil.rmtree(Store(output).folder)
    assert dmft.load(output).status.success
    assert dmft.sweep("sgd/ridge", {"alpha": [1.0]}, output, steps=5, jobs=1).status.success


def test_no_place_for_temporary_files(trouble, output, monkeypatch):
    def refuse():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr("dmft.sweeps.local.tempfile.TemporaryFile", refuse)
    with pytest.raises(OutputError, match=r"No usable temporary.*free some space, or set TMPDIR to another folder"):
        dmft.sweep(trouble, {"x": (-1, 1, 2)}, output, jobs=1)
