"""``dmft sweep``: files, exit codes, what is printed, and what is said about wrong use."""

from __future__ import annotations

import signal
import subprocess
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

import dmft

RIDGE = ("sweep", "sgd/ridge", "--steps", "5", "--jobs", "1")
OVER = ("--over", "alpha=0.5:4:3", "--over", "batch_fraction=.1,.3,1")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "sweeps"


def test_writes_file_and_figure_and_prints_a_table(call, tmp_path):
    done = call(*RIDGE, *OVER, "-o", "phase.h5")
    assert (done.code, done.err) == (0, "")
    for word in ("complete: all 9 points done", "0.5 to 4", "final_norm", "phase.h5", "phase.pdf"):
        assert word in done.out
    diagram = dmft.load("phase.h5")
    assert diagram.provenance["command"].startswith("dmft sweep sgd/ridge")
    assert diagram["final_norm"].values.shape == (3, 3)
    assert (tmp_path / "phase.pdf").read_bytes().startswith(b"%PDF")
    info = call("info", "-v", "phase.h5")
    assert info.code == 0
    assert "final_norm(alpha, batch_fraction)" in info.out
    assert call("info", "phase.h5", "--json").object["points"]["converged"] == 9
    assert call("plot", "phase.h5", "--observable", "norm", "-o", "norm.png").code == 0
    assert call("plot", "phase.h5", "--observable", "nrm", "-o", "x.png").code == 2
    again = call(*RIDGE, *OVER, "-o", "phase.h5", "--json", "--no-figure").object
    assert again["status"] == "complete"
    assert again["axes"]["batch_fraction"] == [0.1, 0.3, 1.0]
    assert again["points"] == {
        "total": 9, "missing": 0, "converged": 9, "not_converged": 0, "diverged": 0, "failed": 0
    }  # fmt: skip
    assert again["scalars"]["final_norm"]["min"] == diagram["final_norm"].values.min()
    assert again["file"] == "phase.h5"


def test_default_name_resumes(call, tmp_path):
    first = call(*RIDGE, "--over", "alpha=1,2", "--json", "--no-figure").object["file"]
    assert first.startswith("sgd-ridge-sweep-")
    assert call(*RIDGE, "--over", "alpha=1,2,3", "--json", "--no-figure").object["file"] == first
    assert len(list(tmp_path.glob("*.points/*.npz"))) == 3


@pytest.mark.slow
def test_sgd_is_the_default(call):
    made = call("sweep", "--over", "alpha=1:2:2", "--steps", "3", "--paths", "64", "--json", "--no-figure").object
    assert made["model"] == "sgd"
    assert made["method"]["paths"] == 64


def test_config_file(call, tmp_path):
    (tmp_path / "sweep.toml").write_text(
        'model = "sgd/ridge"\n[parameters]\nsteps = 4\n[over]\nalpha = [1, 2]\nridge = [0.1, 0.2]\n'
        '[sweep]\nzip = ["alpha,ridge"]\nkind = "comparison"\n[simulation]\nsize = 20\nreplicas = 3\n'
    )
    made = call("sweep", "--config", "sweep.toml", "--jobs", "1", "--json", "--no-figure", "-o", "a.h5").object
    assert (made["kind"], made["points"]["total"]) == ("comparison", 2)
    assert made["axes"] == {"alpha": [1.0, 2.0], "ridge": [0.1, 0.2]}
    assert made["parameters"]["steps"] == 4
    assert call("solve", "--config", "sweep.toml", "--no-figure").code == 0, "one file serves all commands"
    dry = call("sweep", "--config", "sweep.toml", "--over", "alpha=1,2,3", "--dry-run")
    assert "alpha has 3, ridge has 2" in dry.error


def test_example(call):
    done = call(
        "sweep", "--config", str(EXAMPLES / "ridge.toml"), "--over", "alpha=log:0.2:20:3", "--over",
        "learning_rate=0.1:2.1:2", "--set", "steps=20", "--jobs", "1", "-o", "stability.h5", "--no-figure",
    )  # fmt: skip
    assert done.code == 0
    assert dmft.load("stability.h5")["noise_gain"].values.shape == (3, 2)


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.toml")), ids=lambda file: file.stem)
def test_points_of_the_examples_are_allowed(call, file):
    done = call("sweep", "--config", str(file), "--dry-run", "--json", "--jobs", "2")
    assert (done.code, done.err) == (0, "")
    assert done.object["fits"]
    slug, over = tomllib.loads(file.read_text())["model"], tomllib.loads(file.read_text())["over"]
    assert slug in dmft.models()
    assert done.object["points"] >= 2 ** len(over)


def test_dry_run(call, tmp_path):
    made = call(*RIDGE, *OVER, "--dry-run", "--json").object
    assert (made["points"], made["workers"], made["fits"]) == (9, 1, True)
    two = call(*RIDGE, *OVER, "--jobs", "2", "--dry-run", "--json").object
    assert two["memory"] == 2 * made["memory"]
    assert two["seconds"] == made["seconds"] / 2
    assert "9" in call(*RIDGE, *OVER, "--dry-run").out
    assert not list(tmp_path.iterdir())


def test_too_large_for_the_memory(call):
    words = ("sweep", "--steps", "100000", "--paths", "1e7", "--over", "alpha=1,2", "--jobs", "2")
    assert call(*words, "--dry-run").code == 2
    done = call(*words)
    assert done.code == 2
    assert "fewer --jobs" in done.error


def test_failed_points_exit_5(call):
    # the batch rate of persistent sampling is a probability: not all combinations are allowed
    words = ("sweep", "--steps", "3", "--paths", "64", "--jobs", "1", "--learning-rate", "0.2", "--no-figure")
    done = call(*words, "--over", "persistence=0.1,1", "-o", "p.h5")
    assert done.code == 5
    assert "1 failed" in done.out
    assert "dmft: warning: failed at persistence=0.1" in done.err
    assert dmft.load("p.h5").counts["converged"] == 1


def test_shards(call, tmp_path):
    first = call(*RIDGE, *OVER, "-o", "phase.h5", "--shard", "1/2", "--no-figure")
    assert first.code == 0
    assert "5 of 9 points done" in first.out
    assert not (tmp_path / "phase.h5").exists()
    assert call(*RIDGE, *OVER, "-o", "phase.h5", "--shard", "2/2", "--no-figure").code == 0
    assert dmft.load("phase.h5").status.success


@pytest.mark.slow
def test_adaptive(call):
    pytest.importorskip("adaptive")
    words = (*RIDGE, "--over", "alpha=0.5:4:3", "--adaptive", "--observable", "final_norm", "-o", "a.h5", "--no-figure")
    done = call(*words, "--points", "7", "--json")
    assert done.object["points"]["total"] == 7
    assert call("plot", "a.h5", "-o", "a.png").code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no parameter to sweep over"),
        (("--over", "alpha"), "NAME=log:FIRST:LAST:NUMBER"),
        (("--over", "alpha="), "NAME=FIRST:LAST:NUMBER"),
        (("--over", "alpha=4:1:3"), "runs backwards"),
        (("--over", "alfa=1,2"), "did you mean 'alpha'"),
        (("--over", "alpha=1", "--over", "alpha=2"), "given twice"),
        (("--over", "alpha=1,2", "--alpha", "2"), "both swept and fixed"),
        (("--over", "alpha=1,2", "--size", "100"), "size has no effect on theory"),
        (("--over", "alpha=1,2", "--points", "9"), "no effect without --adaptive"),
        (("--over", "alpha=1,2", "--zip", "alpha"), "two or more"),
        (("--over", "alpha=1,2", "--shard", "0/2"), "give i/n"),
        (("--over", "alpha=1,2", "--kind", "guess"), "guess"),
        (("--over", "alpha=1,2", "-o", "phase.txt"), "ends in .h5"),
        (("--over", "alpha=1,2", "--jobs", "0"), "jobs"),
    ],
)
def test_mistakes(call, tmp_path, words, message):
    done = call("sweep", "sgd/ridge", *words)
    assert done.code == 2
    assert message in done.error
    assert not list(tmp_path.iterdir())


def test_store_of_something_else(call):
    call(*RIDGE, "--over", "alpha=1,2", "-o", "phase.h5", "--no-figure")
    done = call(*RIDGE, "--over", "alpha=1,2", "-o", "phase.h5", "--ridge", "0.5")
    assert done.code == 2
    assert "ridge there is 0.1, here 0.5" in done.error
    done = call(*RIDGE, "--over", "alpha=1,2", "-o", "phase.h5", "--ridge", "0.5", "--force", "--no-figure")
    assert done.code == 0


def test_other_commands_tell_what_the_file_is(call):
    call(*RIDGE, "--over", "alpha=1,2", "-o", "phase.h5", "--no-figure")
    done = call("compare", "phase.h5")
    assert done.code == 1
    assert "the phase diagram of a sweep" in done.error


def test_ctrl_c(program, environment, tmp_path):
    words = [
        "sweep",
        "sgd/ridge",
        "--over",
        "alpha=1:2:40",
        "--steps",
        "1200",
        "--jobs",
        "2",
        "-o",
        "p.h5",
        "--no-figure",
    ]
    process = subprocess.Popen(
        [*program, *words], env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for _ in range(1000):
        if len(list(tmp_path.glob("p.h5.points/*.npz"))) >= 2:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")
    assert "the same command does the others" in out
    diagram = dmft.load(tmp_path / "p.h5")
    assert 2 <= np.count_nonzero(diagram.converged) < 40
