"""What solve, simulate and compare print and write, and how they end."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest

import dmft
from dmft.theory.sgd import SGD

from .conftest import QUICK

KEYS = ["model", "parameters", "method", "status", "scalars", "curves", "file"]
RIDGE = ("sgd/ridge", "--steps", "5")
SMALL = ("--size", "60", "--replicas", "3", "--steps", "5")


def test_solve_prints_a_table_and_writes_file_and_figure(call, tmp_path):
    done = call("solve", *QUICK)
    assert (done.code, done.err) == (0, "")
    (file,) = tmp_path.glob("*.h5")
    assert file.stem.startswith("sgd-")
    assert file.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    for word in ("converged", "final_magnetization", "±", file.name, f"{file.stem}.pdf"):
        assert word in done.out
    run = dmft.load(file)
    assert run.provenance["command"] == shlex.join(["dmft", "solve", *QUICK])
    assert run.parameters["steps"] == 5


def test_json_of_solve_keeps_the_contract(call):
    made = call("solve", *QUICK, "--json", "--no-figure", "-o", "run.h5").object
    assert list(made) == KEYS
    assert (made["model"], made["status"], made["file"]) == ("sgd", "converged", "run.h5")
    assert set(made["parameters"]) == {item.name for item in SGD.declared()}
    assert made["method"]["paths"] == 256
    assert all(set(item) == {"value", "stderr"} for item in made["scalars"].values())
    assert made["scalars"]["final_magnetization"]["stderr"] > 0.0
    assert made["curves"]["correlation"]["dims"] == ["t", "t_prime"]
    assert made["curves"]["correlation"]["shape"] == [6, 6]
    assert made["curves"]["magnetization"]["last"] == made["scalars"]["final_magnetization"]["value"]


def test_stdout_is_data_and_stderr_is_chatter(start):
    done = start("solve", *QUICK, "--data", "three-cluster", "--json", "-v", "--no-figure")
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    assert "dmft: warning: three-cluster data with m0 = 0" in done.stderr
    assert "dmft: theory: batches_used = 8" in done.stderr
    assert "%|" not in done.stderr  # no bar off a terminal


def test_quiet(start):
    done = start("solve", *QUICK, "--data", "three-cluster", "-q", "--no-figure")
    assert (done.returncode, done.stderr) == (0, "")


def test_json_of_simulate(call):
    made = call("simulate", *SMALL, "--json", "--no-figure").object
    assert list(made) == KEYS
    assert made["method"]["size"] == 60
    assert made["file"].startswith("sgd-simulate-")


def test_compare(call, tmp_path):
    words = ("compare", *RIDGE, "--size", "40,80", "--replicas", "4", "--no-figure")
    made = call(*words, "--json").object
    assert list(made) == [*KEYS[:-1], "comparison", "file"]
    comparison = made["comparison"]
    assert list(comparison) == ["verdict", "message", "sizes", "observables"]
    assert comparison["sizes"] == [40, 80]
    names = {"max_z", "threshold", "relative_error", "exponent", "deviation", "noise", "agrees"}
    assert all(set(item) == names for item in comparison["observables"].values())
    done = call(*words)
    assert comparison["message"] in done.out
    assert all(name in done.out for name in comparison["observables"])
    assert dmft.load(made["file"]).comparison.verdict == comparison["verdict"]


@pytest.mark.parametrize("slug", [*dmft.models()])
@pytest.mark.parametrize("command", ["compare", "simulate"])
def test_default_sizes_can_be_done(call, slug, command):
    """In two minutes, by the estimate, and in 2 GB; the same sizes as in Python."""
    from dmft.theory.registry import find

    needs = call(command, slug, "--dry-run", "--json").object
    assert needs["seconds"] < 120.0
    assert needs["memory"] < 2e9
    sizes = find(slug)().default_sizes()
    assert (needs["method"]["sizes"] if command == "compare" else [needs["method"]["size"]]) == [*sizes][
        slice(None) if command == "compare" else slice(-1, None)
    ]


def test_compare_takes_the_theory_of_a_file(call):
    file = call("solve", *RIDGE, "--alpha", "3", "--json", "--no-figure").object["file"]
    made = call("compare", file, "--size", "40", "--replicas", "3", "--json", "--no-figure").object
    assert made["model"] == "sgd/ridge"
    assert made["parameters"]["alpha"] == 3.0
    done = call("compare", file, "--alpha", "2")
    assert done.code == 2
    assert "unknown option '--alpha'" in done.error


def test_compare_refuses_a_file_without_theory(call):
    file = call("simulate", *RIDGE, "--size", "40", "--replicas", "2", "--json", "--no-figure").object["file"]
    done = call("compare", file)
    assert done.code == 2
    assert "holds no theory" in done.error


def test_check_fails_with_code_4(call, monkeypatch):
    from dmft.results import comparison

    words = ("compare", *RIDGE, "--size", "40", "--replicas", "3", "--no-figure")
    monkeypatch.setattr(comparison.Comparison, "verdict", "agrees")
    assert call(*words, "--check").code == 0
    monkeypatch.setattr(comparison.Comparison, "verdict", "deviates")
    assert call(*words).code == 0
    assert call(*words, "--check").code == 4


def test_default_name_tells_calculations_apart(call):
    def file(*words):
        return call(*words, "--dry-run", "--json").object["file"]

    assert file("solve") == file("solve", "--alpha", "2.0") == file("solve", "sgd")
    names = [file("solve"), file("solve", "--alpha", "3"), file("solve", "--seed", "1"), file("solve", "sgd/ridge")]
    assert len({*names, file("simulate"), file("compare"), file("compare", "--size", "9")}) == 7
    assert names[3].startswith("sgd-ridge-")


def test_dry_run_calculates_nothing(call, tmp_path):
    done = call("solve", "--dry-run")
    assert done.code == 0
    assert all(word in done.out for word in ("memory", "available", "time", "sgd-"))
    for command in ("simulate", "compare"):
        made = call(command, "--dry-run", "--json").object
        assert made["fits"] is True
        assert 0.0 < made["memory"] < made["memory_available"]
        assert made["seconds"] > 0.0
    assert not list(tmp_path.iterdir())


def test_too_large_for_the_memory(call):
    words = ("solve", "--steps", "100000", "--paths", "1e7")
    done = call(*words, "--dry-run")
    assert done.code == 2
    assert "would not fit" in done.err
    done = call(*words)
    assert done.code == 2
    assert "try fewer --paths" in done.error


def test_diverged_run_is_written(call):
    done = call(
        "solve", "--data", "teacher", "--learning-rate", "50", "--steps", "200", "--paths", "64", "-o", "run.h5"
    )
    assert done.code == 3
    assert "diverged" in done.out
    run = dmft.load("run.h5")
    assert run.status.code == "diverged"
    assert 0 < len(run["norm"].values) < 201
    done = call("compare", "run.h5")
    assert done.code == 2
    assert "not complete (diverged)" in done.error


@pytest.mark.parametrize("command", ["solve", "simulate"])
def test_divergence_at_the_start_writes_nothing(call, tmp_path, command):
    done = call(command, "--m0", "1e200", "--steps", "5", *(("--size", "20") if command == "simulate" else ()))
    assert done.code == 3
    assert "nothing is written" in done.error
    assert not list(tmp_path.iterdir())


def test_json_of_a_diverged_run_is_strict(call):
    words = ("solve", "sgd/ridge", "--learning-rate", "50", "--steps", "400", "--json", "--no-figure")
    done = call(*words)
    assert done.code == 3
    assert done.object["status"] == "diverged"
    assert done.object["scalars"]["noise_gain"]["value"] is None  # infinite
    assert "diverged" in done.err


def test_same_command_same_numbers(call):
    first = call("solve", *QUICK, "--seed", "3", "--json", "--no-figure").object
    assert call("solve", *QUICK, "--seed", "3", "--json", "--no-figure").object == first
    assert call("solve", *QUICK, "--seed", "4", "--json", "--no-figure").object["scalars"] != first["scalars"]


def test_unexpected_errors_are_one_line_without_v(call, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("no such\nluck")

    monkeypatch.setattr("dmft.api.solve", broken)
    done = call("solve", *QUICK)
    assert done.code == 1
    assert done.error.startswith("unexpected ZeroDivisionError: no such luck")
    assert "Traceback" in call("solve", *QUICK, "-v").err


@pytest.mark.parametrize("reader", ["true", "head -c 1"])
def test_closed_pipe_is_quiet(program, environment, tmp_path, reader):
    line = f"{shlex.join([*program, 'models', 'sgd'])} | {reader} > /dev/null"
    done = subprocess.run(["sh", "-c", line], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""


@pytest.mark.parametrize("closing", ["2>&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams(program, environment, tmp_path, closing):
    words = [*program, "solve", *RIDGE, "--no-figure", "-o", "run.h5"]
    line = f"{shlex.join(words)} {closing}"
    done = subprocess.run(
        ["sh", "-c", line], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert dmft.load(tmp_path / "run.h5").status.code == "converged"


@pytest.mark.parametrize("threads", ["0", "-1", "two"])
def test_impossible_number_of_threads(call, monkeypatch, threads):
    monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
    for words in (["solve"], ["info"]):
        done = call(*words)
        assert done.code == 2
        assert f"NUMBA_NUM_THREADS={threads} is not allowed" in done.error


@pytest.mark.parametrize("command", ["simulate", "compare"])
def test_dry_run_tells_that_the_backend_is_missing(call, monkeypatch, command):
    monkeypatch.setitem(sys.modules, "cupy", None)
    done = call(command, "--dry-run", "--backend", "cupy")
    assert done.code == 1
    assert "cupy is not installed" in done.error


def test_needs_beyond_all_numbers(call, monkeypatch):
    def overflow(*_):
        raise OverflowError("int too large to convert to float")

    monkeypatch.setattr(SGD, "estimate", overflow)
    done = call("solve", "--dry-run")
    assert done.code == 2
    assert "would not fit" in done.error


def test_one_replica_is_warned_of(call):
    words = ("compare", *RIDGE, "--size", "40", "--no-figure", "--dry-run", "--replicas")
    assert "dmft: warning: one replica has no error bars" in call(*words, "1").err
    assert call(*words, "2").err == ""


def test_warnings_of_the_model_are_told_once(call):
    done = call("solve", *QUICK, "--data", "three-cluster", "--no-figure")
    assert done.code == 0
    assert done.err.count("three-cluster data with m0 = 0") == 1


@pytest.mark.parametrize("slug", ["lamb/training", "group-norm/training", "bn-weight-decay/network"])
def test_a_check_of_what_no_theory_predicts_is_no_agreement(slug):
    """Told with the reason; exit code 4 only for who asked for a check. The theory and a simulation of its curves."""
    from dmft.results.comparison import compare_solutions
    from dmft.results.solution import Solution
    from dmft.results.status import CONVERGED, Status

    theory = dmft.solve(slug).theory
    measured = {item.name: item.curve([1.0], [0.1]) for item in dmft.models()[slug].observables if len(item.dims) == 1}
    known = {name: curve for name, curve in measured.items() if name not in theory}
    comparison = compare_solutions(theory, {10: Solution(known, {}, Status(CONVERGED, ""), 8)})
    assert comparison.verdict == "undecided"
    assert comparison.message.startswith("nothing to compare: the theory makes no prediction of what the simulation")


def test_an_exact_simulation_is_compared(call):
    made = call("compare", "lamb/schedule", "--check", "--json", "--no-figure").object["comparison"]
    assert made["verdict"] == "agrees"
    assert set(made["observables"]) == {"learning_rate", "rate"}
