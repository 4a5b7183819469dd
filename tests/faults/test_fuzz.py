"""Command lines made by hypothesis: never a traceback, always a documented exit code, and one line of error."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from fault_grammar import Line, lines
from fault_kit import DOCUMENTED
from hypothesis import HealthCheck, given, settings

import dmft
from dmft.cli import cli

#: Seconds of this process (a busy machine must not matter) after which a command is taken for lost.
PATIENCE = 60.0
#: Estimated seconds and bytes up to which a line that is allowed is carried out as well.
SHORT, SMALL = 0.2, 1e8


class TooLong(BaseException):
    """Not caught by the command line."""


@contextmanager
def patience(words):
    def ring(*_):
        raise TooLong(words)

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def invoke(words):
    with warnings.catch_warnings(), patience(words):
        warnings.simplefilter("default")
        result = CliRunner().invoke(cli, list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise AssertionError(f"{words} let {result.exception!r} out") from result.exception
    return result.exit_code, result.stdout, result.stderr


def check(words, code, out, err, bad=False):
    where = f"{words}: {code} {err}"
    assert code in DOCUMENTED, where
    assert "Traceback" not in out + err, where
    assert "this is a defect" not in err, where
    rest = [line for line in err.splitlines() if not line.startswith(("dmft: warning: ", "dmft: theory: "))]
    rest = [line for line in rest if not line.startswith("dmft: simulation: ")]
    if code in (1, 2) or (code == 3 and "nothing is written" in err):
        assert len(rest) == 1, where
        assert rest[0].startswith("dmft: error: "), where
        assert len(rest[0]) > len("dmft: error: ") + 5, where
    else:
        assert rest == [], where
    assert not bad or code == 2, where


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with files of every kind, to be in while fuzzing."""
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "folder.h5").mkdir()
    (folder / "text.h5").write_text("no HDF5")
    (folder / "good.toml").write_text("seed = 3\n")
    (folder / "bad.toml").write_text("model = [\n")
    (folder / "binary.toml").write_bytes(bytes(range(256)))
    (folder / "sweep.toml").write_text('model = "sgd/ridge"\n[over]\nalpha = [1.0, 2.0]\n')
    dmft.solve("sgd/ridge", steps=3).save(folder / "run.h5")
    dmft.sweep("sgd/ridge", {"alpha": [1.0]}, folder / "phase.h5", steps=3, jobs=1)
    return folder


def fuzz(count, place, monkeypatch, tally, *, real):
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "100")
    done = {"fuzzed command lines": 0, "fuzzed command lines that were refused": 0, "fuzzed calculations": 0}

    @settings(max_examples=count, suppress_health_check=list(HealthCheck), database=None)
    @given(line=lines)
    def play(line):
        code, out, err = invoke(line.words)
        check(line.words, code, out, err, line.bad)
        done["fuzzed command lines"] += 1
        done["fuzzed command lines that were refused"] += code != 0
        if code == 0 and "--json" in line.words and "--help" not in line.words and out.startswith("{"):
            json.loads(out)
        if real and code == 0 and line.words[0] in ("solve", "simulate", "compare"):
            done["fuzzed calculations"] += carry_out(line)

    play()
    for what, number in done.items():
        tally(what, number)
    assert done["fuzzed command lines"] >= count
    return done


def carry_out(line):
    """Do it if the estimate says that it is short; true if it was done."""
    words = [word for word in line.words if word != "--json"]
    code, out, _ = invoke([words[0], "--json", *words[1:]])
    if code != 0 or not out.startswith("{"):
        return False
    needs = json.loads(out)
    if not (needs["seconds"] <= SHORT and needs["memory"] <= SMALL):
        return False
    words = [word for word in words if word not in ("--dry-run", "--figure")]
    code, out, err = invoke([words[0], "--no-figure", "--force", *words[1:]])
    check(words, code, out, err)
    return True


def test_fuzz_quickly(place, monkeypatch, tally):
    fuzz(120, place, monkeypatch, tally, real=False)


@pytest.mark.slow
def test_fuzz(place, monkeypatch, tally):
    done = fuzz(2500, place, monkeypatch, tally, real=True)
    assert done["fuzzed command lines that were refused"] > 500
    assert done["fuzzed calculations"] > 50


@pytest.mark.slow
def test_the_installed_command_says_the_same(place, monkeypatch, tally):
    """A sample in processes of their own."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "100")
    sample: list[Line] = []

    @settings(max_examples=60, suppress_health_check=list(HealthCheck), database=None)
    @given(line=lines)
    def collect(line):
        sample.append(line)

    collect()
    script = Path(sys.executable).with_name("dmft")
    program = [str(script)] if script.exists() else [sys.executable, "-m", "dmft"]
    chosen = [line for line in random.Random(1).sample(sample, 24) if "info" not in line.words[:1]]
    for line in chosen:
        answer = subprocess.run([*program, *line.words], capture_output=True, text=True, timeout=300, check=False)
        check(line.words, answer.returncode, answer.stdout, answer.stderr, line.bad)
        assert (answer.returncode, answer.stderr) == invoke(line.words)[::2]
    tally("fuzzed processes", len(chosen))
