"""A file appears whole or not at all, whatever happens to the process, the disk or another writer."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dmft.errors import OutputError
from dmft.results import atomic
from dmft.results.run import Run

HERE = Path(__file__).parent
#: Forks children that save with a bomb at one system call; each must leave the old file, or the whole new one.
KILL = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from conftest import assert_same, make_run, make_solution
from dmft.results.run import Run

folder = Path(sys.argv[2])
path, force = folder / "run.h5", sys.argv[3] == "force"
old = make_run(theory=make_solution(5, steps=4), simulation=None)
new = make_run()
before = old.save(path).read_bytes() if force else None


def bomb(function, number, partial):
    calls = 0

    def wrapped(*arguments):
        nonlocal calls
        calls += 1
        if calls == number:
            if partial:
                descriptor, data, offset = arguments
                function(descriptor, data[: len(data) // 2], offset)
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)

    return wrapped


killed = 0
last = "replace" if force else "link"
for name, number in [*(("pwrite", k) for k in range(1, 150, 9)), ("fsync", 1), (last, 1), ("fsync", 2)]:
    child = os.fork()
    if child == 0:
        setattr(os, name, bomb(getattr(os, name), number, name == "pwrite"))
        new.save(path, force=force)
        os._exit(0)
    died = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    killed += died
    if not died or (name, number) == ("fsync", 2):  # the second is that of the folder, after the rename
        assert_same(Run.load(path), new)
        path.unlink()
        if force:
            path.write_bytes(before)
    elif force:
        assert path.read_bytes() == before
    else:
        assert not path.exists()
print(killed)
"""
#: Saves with a limit on the size of files, at many limits: what a full disk looks like.
FULL = """
import os, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from conftest import assert_same, make_run, make_solution
from dmft.errors import OutputError
from dmft.results.run import Run

path = Path(sys.argv[2]) / "run.h5"
old = make_run(theory=make_solution(5, steps=4), simulation=None)
new = make_run()
size = new.save(path).stat().st_size
before = old.save(path, force=True).read_bytes()
for limit in range(0, size, size // 30):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        new.save(path, force=True)
    except OutputError as error:
        assert "not enough space" in str(error) and "nothing was changed" in str(error), error
    else:
        raise AssertionError(f"saved {size} bytes where {limit} fit")
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["run.h5"]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert_same(Run.load(new.save(path, force=True)), new)
"""


def python(script: str, *arguments: object) -> str:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.parametrize("mode", ["force", pytest.param("new", marks=pytest.mark.slow)])
def test_killed_in_a_save(mode, tmp_path):
    killed = int(python(KILL, HERE, tmp_path, mode))
    assert killed > 10, "the bombs went off"


def test_killed_at_any_time(tmp_path, make_run, make_solution):
    """A process that saves without end, killed at once: the file is there and whole."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from conftest import make_run; run = make_run()\n"
        "while True: print(run.save(sys.argv[2], force=True), flush=True)"
    )
    path = tmp_path / "run.h5"
    command = [sys.executable, "-c", script, str(HERE), str(path)]
    for lines in (1, 3):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(lines):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        assert Run.load(path).model == "sgd"


def test_full_disk(tmp_path):
    python(FULL, HERE, tmp_path)


def test_existing_file_is_kept_without_force(run, small_run, tmp_path, assert_same):
    path = small_run.save(tmp_path / "run.h5")
    with pytest.raises(OutputError, match=r"exists already.*force"):
        run.save(path)
    assert_same(Run.load(path), small_run)
    assert_same(Run.load(run.save(path, force=True)), run)
    assert os.listdir(tmp_path) == ["run.h5"]


@pytest.mark.parametrize("links", [True, False])
def test_second_writer_loses(links, run, small_run, tmp_path, monkeypatch, assert_same):
    """Somebody else finishes the same file while this one is being written."""
    path, sync = tmp_path / "run.h5", os.fsync

    def fsync(descriptor):
        monkeypatch.setattr(os, "fsync", sync)
        small_run.save(path)
        if not links:
            monkeypatch.setattr(os, "link", no_links)
        sync(descriptor)

    def no_links(source, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OutputError, match="exists already"):
        run.save(path)
    assert_same(Run.load(path), small_run)
    assert os.listdir(tmp_path) == ["run.h5"]


def test_file_system_without_links(run, tmp_path, monkeypatch, assert_same):
    def no_links(source, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    assert_same(Run.load(run.save(tmp_path / "run.h5")), run)
    assert os.listdir(tmp_path) == ["run.h5"]


def test_places_that_cannot_be_written(run, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    for path, words in (
        (tmp_path, "is a folder: give the name of a file"),
        (tmp_path / "none" / "run.h5", "does not exist: create it"),
        (file / "run.h5", "cannot write|does not exist"),
        (tmp_path / ("x" * 300), "too long"),
        (Path("a\0b"), "cannot write"),
        (Path("/dev/null"), "not a regular file"),
    ):
        with pytest.raises(OutputError, match=words) as caught:
            run.save(path, force=True)
        assert "\n" not in str(caught.value)
    assert file.read_text() == "mine"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere; the next test stands in")
def test_folder_without_permission(run, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="not permitted"):
        run.save(tmp_path / "run.h5")


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EACCES, "not permitted"), (errno.EROFS, "not permitted"), (errno.ENOSPC, "space"), (errno.EIO, "another")],
)
def test_refusals_of_the_system(number, words, run, tmp_path, monkeypatch):
    def refuse(path, *arguments):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(OutputError, match=words):
            run.save(tmp_path / "run.h5")
    assert not list(tmp_path.iterdir())


def test_interrupt_in_a_write(run, small_run, tmp_path, monkeypatch):
    path = small_run.save(tmp_path / "run.h5")
    before = path.read_bytes()

    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run.save(path, force=True)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["run.h5"]


def test_error_in_the_block(tmp_path):
    def fail():
        with atomic.replacing(tmp_path / "x", force=False) as sink:
            sink.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not list(tmp_path.iterdir())


def test_permissions_follow_the_umask(run, tmp_path):
    old = os.umask(0o027)
    try:
        assert run.save(tmp_path / "run.h5").stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(old)


def test_leftovers_do_not_matter(run, tmp_path, assert_same):
    (tmp_path / ".dmft-0123456789abcdef.tmp").write_bytes(b"half a file")
    assert_same(Run.load(run.save(tmp_path / "run.h5")), run)


def test_sink_behaves_like_a_file(tmp_path):
    with atomic.replacing(tmp_path / "x", force=False) as sink:
        assert sink.write(b"abcdef") == 6
        assert sink.seek(2) == sink.tell() == 2
        buffer = bytearray(b"........")
        assert sink.readinto(buffer) == 8
        assert buffer == b"cdef" + bytes(4)
        assert sink.seek(0, os.SEEK_END) == 6
        assert sink.seek(-2, os.SEEK_CUR) == 4
        assert sink.truncate(3) == 3
    assert (tmp_path / "x").read_bytes() == b"abc"
