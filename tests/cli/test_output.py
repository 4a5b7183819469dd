"""Nothing is overwritten by accident, nothing is lost, and bad places are told before the calculation."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import dmft

from .conftest import QUICK

RIDGE = ("sgd/ridge", "--steps", "5")


@pytest.fixture
def no_calculation(monkeypatch):
    """Fail if anything is calculated."""

    def forbidden(*_, **__):
        raise AssertionError("the calculation was started")

    monkeypatch.setattr("dmft.api.solve", forbidden)


@pytest.mark.parametrize("existing", ["run.h5", "run.pdf"])
def test_existing_output_is_refused_before_the_calculation(call, tmp_path, no_calculation, existing):
    (tmp_path / existing).write_bytes(b"precious")
    done = call("solve", *RIDGE, "-o", "run.h5")
    assert done.code == 1
    assert f"{existing} exists" in done.error
    assert (tmp_path / existing).read_bytes() == b"precious"


def test_figure_does_not_matter_without_figure(call, tmp_path):
    (tmp_path / "run.pdf").write_bytes(b"precious")
    assert call("solve", *RIDGE, "-o", "run.h5", "--no-figure").code == 0
    assert (tmp_path / "run.pdf").read_bytes() == b"precious"


def test_force_replaces(call, tmp_path):
    (tmp_path / "run.h5").write_bytes(b"old")
    assert call("solve", *RIDGE, "-o", "run.h5", "--force", "--no-figure").code == 0
    assert dmft.load(tmp_path / "run.h5").model == "sgd/ridge"


def test_default_name_is_replaced_by_the_same_calculation(call, tmp_path):
    for _ in range(2):
        assert call("solve", *RIDGE).code == 0
    assert len(list(tmp_path.glob("*"))) == 2


@pytest.mark.parametrize("folder", ["missing", "file", "file/below"])
def test_folder_is_checked_before_the_calculation(call, tmp_path, no_calculation, folder):
    (tmp_path / "file").write_text("a regular file")
    done = call("solve", *RIDGE, "-o", f"{folder}/run.h5")
    assert done.code == 1
    assert f"folder {folder} does not exist" in done.error


def test_read_only_folder(call, no_calculation, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)  # root may write anywhere, so permission bits prove nothing
    done = call("solve", *RIDGE)
    assert done.code == 1
    assert "cannot be written to (Permission denied)" in done.error


def test_disk_full_shows_the_results_and_leaves_nothing_behind(start, tmp_path):
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    done = start("solve", *RIDGE, "-o", "run.h5", preexec_fn=limit)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("dmft: error: cannot write run.h5")
    assert "final_magnetization" in done.stdout
    assert not list(tmp_path.iterdir())


#: Runs the command line with a Ctrl-C when the given number of steps are done.
INTERRUPT = """
import os, signal, sys
from dmft.cli import console, main
left = int(sys.argv.pop(1))
def update(self, done):
    global left
    before, left = left, left - done
    if before > 0 >= left:
        os.kill(os.getpid(), signal.SIGINT)
console.Bar.update = update
main()
"""


def interrupted(environment, folder, *words, after=30):
    command = [sys.executable, "-c", INTERRUPT, str(after), *words]
    options = {"env": environment, "cwd": folder, "capture_output": True, "text": True, "timeout": 120}
    return subprocess.run(command, **options)


LONG = ("solve", "--steps", "300", "--paths", "1024")


def test_interrupt_saves_what_there_is(environment, tmp_path):
    done = interrupted(environment, tmp_path, *LONG, "-o", "run.h5")
    assert done.returncode == 130, done.stderr
    assert "interrupted" in done.stdout
    assert "Traceback" not in done.stderr
    run = dmft.load(tmp_path / "run.h5")
    assert run.status.code == "interrupted"
    assert 0 < len(run["norm"].values) <= 301
    assert (tmp_path / "run.pdf").exists()


def test_interrupted_run_never_replaces_a_complete_one(environment, tmp_path, call):
    words = ("solve", "--steps", "60", "--paths", "512", "--no-figure")
    (file,) = (Path(call(*words, "--json").object["file"]),)
    done = interrupted(environment, tmp_path, *words)
    assert done.returncode == 130, done.stderr
    assert dmft.load(file).status.code == "converged"
    partial = file.with_suffix(".partial.h5")
    assert dmft.load(partial).status.code == "interrupted"
    assert partial.name in done.stdout
    assert interrupted(environment, tmp_path, *words, "--force").returncode == 130
    assert dmft.load(file).status.code == "interrupted"
    assert call(*words).code == 0  # and a complete one replaces an interrupted one
    assert dmft.load(file).status.code == "converged"


@pytest.mark.parametrize("after", [30, 700])
def test_interrupt_ends_theory_and_simulations_together(environment, tmp_path, after):
    words = ("compare", "--steps", "60", "--paths", "512", "--size", "100,5000", "--replicas", "4", "--no-figure")
    done = interrupted(environment, tmp_path, *words, "-o", "run.h5", after=after)  # theory: 488 steps
    assert done.returncode == 130, done.stderr
    run = dmft.load(tmp_path / "run.h5")
    assert run.status.code == "interrupted"
    assert (run.simulation is None) == (after == 30)


def test_interrupt_in_the_last_of_several_sizes_keeps_the_others(environment, tmp_path):
    words = ("compare", "--steps", "60", "--paths", "512", "--size", "50,100,5000", "--replicas", "4")
    done = interrupted(environment, tmp_path, *words, "-o", "run.h5", after=1000)  # theory and N = 50, 100: 976 steps
    assert done.returncode == 130, done.stderr
    assert "interrupted at N = 5000: what is complete is kept, N = 50, 100" in done.stdout
    run = dmft.load(tmp_path / "run.h5")
    assert (run.theory.status.code, run.status.code) == ("converged", "interrupted")
    assert run.comparison.sizes == (50, 100)
    assert run.simulation.samples == 4
    assert (tmp_path / "run.pdf").exists()


def test_interrupt_before_anything_is_finished(call, monkeypatch, tmp_path):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("dmft.api.solve", stopped)
    done = call("solve", *QUICK)
    assert done.code == 130
    assert "nothing is written" in done.error
    assert not list(tmp_path.iterdir())


def test_interrupt_elsewhere(call, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("dmft.theory.registry.find", stopped)
    done = call("models", "sgd")
    assert (done.code, done.error) == (130, "interrupted")


def test_lost_stdout_is_told(start):
    if not os.path.exists("/dev/full"):
        pytest.skip("/dev/full is a Linux device")
    with open("/dev/full", "w") as full:
        done = start("models", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr.startswith("dmft: error: ")
    assert len(done.stderr.splitlines()) == 1


def test_sigterm_saves_what_there_is(environment, tmp_path):
    code = INTERRUPT.replace("SIGINT", "SIGTERM")
    command = [sys.executable, "-c", code, "30", *LONG, "-o", "run.h5"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 130, done.stderr
    assert dmft.load(tmp_path / "run.h5").status.code == "interrupted"


def test_sigterm_is_restored(call):
    before = signal.getsignal(signal.SIGTERM)
    assert call("models").code == 0
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("name", "more"),
    [
        (b"\xff.h5", {}),
        ("é.h5".encode(), {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    ],
)
def test_names_that_are_not_text_here(start, environment, tmp_path, name, more):
    done = start("solve", *RIDGE, "-o", name, env={**environment, **more})
    assert (done.returncode, done.stderr) == (0, "")
    path = tmp_path / os.fsdecode(name)
    assert dmft.load(path).model == "sgd/ridge"
    assert path.with_suffix(".pdf").exists()


@pytest.mark.parametrize("command", ["solve", "plot"])
def test_too_long_names(call, tmp_path, no_calculation, command):
    if command == "solve":
        done = call("solve", "-o", "a" * 300 + ".h5")
    else:
        assert call("simulate", *RIDGE, "--size", "20", "--no-figure", "-o", "run.h5").code == 0
        done = call("plot", "run.h5", "-o", "a" * 300 + ".pdf")
    assert done.code == 1
    assert "name too long" in done.error.lower()


def test_links_are_followed(call, tmp_path):
    (tmp_path / "far").mkdir()
    for suffix in ("h5", "pdf"):
        (tmp_path / "far" / f"run.{suffix}").write_bytes(b"old")
        (tmp_path / f"link.{suffix}").symlink_to(f"far/run.{suffix}")
    done = call("solve", *RIDGE, "-o", "link.h5")
    assert done.code == 1
    assert "link.h5 exists" in done.error
    done = call("solve", *RIDGE, "-o", "link.h5", "--force")
    assert done.code == 0
    assert "link.h5" in done.out
    assert (tmp_path / "link.h5").is_symlink()
    assert (tmp_path / "link.pdf").is_symlink()
    assert dmft.load(tmp_path / "far" / "run.h5").model == "sgd/ridge"
    assert (tmp_path / "far" / "run.pdf").read_bytes().startswith(b"%PDF")


def test_figures_need_no_window(start, environment, tmp_path):
    done = start("solve", *RIDGE, "-o", "run.h5", env={**environment, "MPLBACKEND": "nope"})
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "run.pdf").exists()


def test_quiet_silences_matplotlib(start, environment, tmp_path):
    (tmp_path / "file").write_text("no folder")
    done = start("solve", *RIDGE, "-q", "-o", "run.h5", env={**environment, "MPLCONFIGDIR": str(tmp_path / "file")})
    assert (done.returncode, done.stderr) == (0, "")
