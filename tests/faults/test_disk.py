"""A full disk, and folders that are read-only: one line, nothing half written, what stood there stays."""

from __future__ import annotations

import os
import shutil

import pytest
from fault_commands import COMMANDS, SWEEP
from fault_kit import Arena, assert_clean

#: Bytes by which the same result may be shorter: the seconds that it took are in it, compressed.
SLACK = 64
#: Root may write everywhere, unless it gives that right away.
POWERLESS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


def fill(limits, case, arena, path, tally):
    """Files cannot grow beyond a limit: what HDF5, matplotlib and the points of a sweep see of a full disk."""
    command = case.command
    for limit in limits:
        folder = case.folder(path / f"limit-{limit}")
        answer = arena.run(command.words, folder, limit=limit)
        if answer["code"]:
            assert "space" in assert_clean(answer, 1)
        else:
            assert limit >= max(case.sizes.values()) - SLACK
        assert case.assert_whole_or_absent(folder) == len(command.files) or answer["code"] == 1
        left = [item.name for item in folder.rglob("*.tmp")]
        assert not left, "temporary files take space"
        case.assert_recovers(arena, folder)
    tally("full disks", len(limits))


def test_full_disk(command, case, arena, tmp_path, tally):
    sizes = case.sizes.values()
    some = {0, 1, 4096, *(part * max(sizes) // 5 for part in range(1, 6)), *(size - 1 for size in sizes), *sizes}
    fill(sorted(some), case, arena, tmp_path, tally)


def test_full_disk_quickly(case_of, arena, tmp_path, tally):
    case = case_of(COMMANDS[0])
    fill([case.sizes["run.h5"] - 2 * SLACK], case, arena, tmp_path, tally)


def test_full_disk_where_results_stand(command, case, arena, tmp_path, tally):
    folder = case.folder(tmp_path / "twice")
    assert_clean(arena.run(command.words, folder), 0)
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent.suffix != ".points"]
    before = {path: path.read_bytes() for path in files if path.name != "lock"}  # that tells who is at work
    answer = arena.run([*command.words, "--force"], folder, limit=100)
    assert "space" in assert_clean(answer, 1)
    assert {path: path.read_bytes() for path in before} == before
    tally("full disks", 1)


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 8, 16, 64, 256])
def test_small_file_system(size, tmp_path, tally):
    """A file system of so many kB (0: full from the start), seen by the arena alone; each command finds it empty."""
    fill = 'head -c 1M /dev/zero >"$0/fill" 2>/dev/null;' if size == 0 else ""
    script = f'mount -t tmpfs -o size={max(size, 8)}k tmpfs "$0" && {{ {fill} exec "$@"; }}'
    for command in COMMANDS[:3]:
        folder = tmp_path / command.name
        folder.mkdir()
        try:
            arena = Arena("unshare", "--mount", "sh", "-c", script, str(folder))
        except (AssertionError, OSError):
            pytest.skip("this system does not let a test mount a file system")
        try:
            answer = arena.run(command.words, folder)
            if answer["code"]:
                assert "space" in assert_clean(answer, 1)
            found = arena.run(["info", "--json", command.files[0]], folder)
            if found["code"]:
                assert answer["code"] == 1
                assert "does not exist" in assert_clean(found, 1)
        finally:
            arena.close()
        tally("full disks", 1)
        assert not list(folder.iterdir()), "the file system was the arena's own"


@pytest.fixture(scope="module")
def powerless():
    """An arena without the right to write everywhere."""
    if POWERLESS and shutil.which(POWERLESS[0]) is None:
        pytest.skip("root may write everywhere, and there is no setpriv to give that up")
    made = Arena(*POWERLESS)
    yield made
    made.close()


@pytest.mark.slow
def test_read_only_folder(command, case, powerless, tmp_path, tally):
    folder = case.folder(tmp_path / "read-only")
    before = sorted(folder.rglob("*"))
    for item in (*before, folder):
        item.chmod(0o555 if item.is_dir() else 0o444)
    try:
        answer = powerless.run(command.words, folder)
        line = assert_clean(answer, 1)
        assert "cannot be written" in line or "not permitted" in line
        assert sorted(folder.rglob("*")) == before
    finally:
        for item in (folder, *before):
            item.chmod(0o755)
    case.assert_recovers(powerless, folder)
    tally("read-only folders", 1)


@pytest.mark.slow
def test_file_that_may_not_be_read(command, case, powerless, tmp_path, tally):
    """What a command reads: the file of a plot, the points of a sweep."""
    folder = case.folder(tmp_path / "hidden")
    files = [item for item in folder.rglob("*") if item.is_file() and item.suffix in (".h5", ".npz")]
    for item in files:
        item.chmod(0)
    answer = powerless.run(command.words, folder)
    if command.name.startswith("plot"):
        assert "Permission denied" in assert_clean(answer, 1)
    else:  # an unreadable point is calculated anew, if it is not that of another shard
        assert_clean(answer, 0)
        assert case.assert_whole_or_absent(folder) == (0 if command.name == "merge" else len(command.files))
        assert_clean(powerless.run(SWEEP.split() if command.name == "merge" else command.recovery, folder), 0)
        assert case.assert_whole_or_absent(folder) == len(command.files)
    for item in files:
        item.chmod(0o644)
    tally("unreadable files", len(files))
