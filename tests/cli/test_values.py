"""Where values come from, and what is said about wrong ones."""

from __future__ import annotations

import re

import pytest


@pytest.fixture
def parameters(call):
    """Parameters and method that a command would use, told by ``--dry-run``."""

    def ask(*words):
        done = call(words[0], "--dry-run", "--json", *words[1:])
        assert done.code == 0, done.err
        made = done.object
        return {**made["method"], **made["parameters"], "model": made["model"]}

    return ask


def test_slug_stands_anywhere(parameters):
    assert parameters("solve")["model"] == "sgd"
    assert parameters("solve", "--alpha", "3")["model"] == "sgd"
    for words in (["sgd/ridge", "--alpha", "3"], ["--alpha", "3", "sgd/ridge"], ["--alpha=3", "sgd/ridge"]):
        made = parameters("solve", *words)
        assert (made["model"], made["alpha"]) == ("sgd/ridge", 3.0)
    assert parameters("solve", "--sphere", "sgd", "-q")["sphere"] is True
    assert parameters("solve", "-qo", "out.h5", "sgd/ridge")["model"] == "sgd/ridge"
    assert parameters("solve", "-q", "--", "sgd/ridge")["model"] == "sgd/ridge"


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["--m0", "-0.5"], "m0", -0.5),
        (["--m0=-0.5"], "m0", -0.5),
        (["--kappa", "-1e-1"], "kappa", -0.1),
        (["--paths", "1e4"], "paths", 10000),
        (["--persistence", "3"], "persistence", 3.0),
        (["--persistence", "3", "--persistence", "none"], "persistence", None),
        (["--sphere"], "sphere", True),
        (["--no-sphere"], "sphere", False),
        (["--set", "batch-fraction=0.7"], "batch_fraction", 0.7),
        (["--set", "batch_fraction=0.7", "--set", "alpha=1"], "batch_fraction", 0.7),
        (["--set", "sphere=true"], "sphere", True),
    ],
)
def test_values(parameters, words, name, value):
    assert parameters("solve", *words)[name] == value


def test_precedence(parameters, tmp_path):
    (tmp_path / "run.toml").write_text("alpha = 3\n[parameters]\nsteps = 7\nr0 = 0.5\n[method]\npaths = 64\n")
    assert parameters("solve")["alpha"] == 2.0
    config = ("solve", "--config", "run.toml")
    made = parameters(*config)
    assert (made["alpha"], made["steps"], made["r0"], made["paths"]) == (3.0, 7, 0.5, 64)
    assert parameters(*config, "--set", "alpha=4")["alpha"] == 4.0
    assert parameters(*config, "--set", "alpha=4", "--alpha", "5")["alpha"] == 5.0


def test_config_chooses_the_model_unless_a_slug_is_given(parameters, tmp_path):
    (tmp_path / "run.toml").write_text('model = "sgd/ridge"\nalpha = 3.0\n')
    assert parameters("solve", "--config", "run.toml")["model"] == "sgd/ridge"
    assert parameters("solve", "--config=run.toml", "sgd")["model"] == "sgd"


def test_one_config_serves_several_commands(parameters, tmp_path):
    text = "[parameters]\nsteps = 7\n[method]\npaths = 64\nseed = 1\n[simulation]\nsize = [50, 100]\nseed = 2\n"
    (tmp_path / "run.toml").write_text(text)
    assert parameters("solve", "--config", "run.toml")["seed"] == 1
    made = parameters("compare", "--config", "run.toml")
    assert (made["sizes"], made["method"]["seed"], made["simulation"]["seed"]) == ([50, 100], 1, 2)
    made = parameters("compare", "--config", "run.toml", "--seed", "5", "--size", "200,100")
    assert (made["sizes"], made["method"]["seed"], made["simulation"]["seed"]) == ([100, 200], 5, 5)
    made = parameters("simulate", "--config", "run.toml", "--size", "60")
    assert (made["size"], made["seed"], made["steps"]) == (60, 2, 7)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("alfa = 2\n", "did you mean 'alpha'"),
        ("[parameters]\nalfa = 2\n", "did you mean 'alpha'"),
        ("[parameters]\npaths = 20\n", "unknown key in [parameters] of run.toml 'paths'"),
        ("[methods]\npaths = 20\n", "did you mean 'method'"),
        ("[simulation]\nreplica = 20\n", "did you mean 'replicas'"),
        ('model = "sdg"\n', "did you mean 'sgd'"),
        ("model = 3\n", "model = 3"),
        ("alpha = nan\n", "alpha = nan is not allowed"),
        ("alpha = \n", "is not TOML"),
    ],
)
def test_bad_config(call, tmp_path, content, part):
    (tmp_path / "run.toml").write_text(content)
    done = call("solve", "--config", "run.toml")
    assert done.code == 2
    assert part in done.error


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--alpha", "0"], "alpha = 0 is not allowed: give a number in (0,"),
        (["--alpha", "-1"], "alpha = -1 is not allowed"),
        (["--alpha", "nan"], "alpha = nan is not allowed"),
        (["--alpha", "inf"], "alpha = inf is not allowed"),
        (["--alpha", "two"], "alpha = 'two' is not allowed"),
        (["--alpha", "--delta", "1"], "Option '--alpha' requires an argument"),
        (["--delta", "0"], "delta = 0 is not allowed"),
        (["--delta", "-0.5"], "delta = -0.5 is not allowed"),
        (["--batch-fraction", "0"], "batch_fraction = 0 is not allowed: give a number in (0, 1]"),
        (["--batch-fraction", "1.1"], "batch_fraction = 1.1 is not allowed"),
        (["--learning-rate", "0"], "learning_rate = 0 is not allowed"),
        (["--learning-rate", "0.2", "--persistence", "0.1"], "learning_rate = 0.2 > persistence = 0.1"),
        (["--batch-fraction", "0.05", "--persistence", "1"], "batch_fraction = 0.05 < η/(τ+η)"),
        (["--data", "two-clutser"], "did you mean 'two-cluster'"),
        (["--loss", "logistik"], "did you mean 'logistic'"),
        (["--sampler", "sobel"], "did you mean 'sobol'"),
        (["--steps", "0"], "steps = 0 is not allowed"),
        (["--steps", "2.5"], "steps = 2.5 is not allowed"),
        (["--paths", "4"], "paths = 4 is fewer than batches = 8"),
        (["--batches", "1"], "batches = 1 is not allowed"),
        (["--data", "teacher", "--loss", "logistic"], "with data 'teacher'"),
        (["--sphere", "--ridge", "1"], "with sphere"),
        (["sdg"], "unknown model 'sdg': did you mean 'sgd'"),
        (["sgd", "ridge"], "unexpected extra argument (ridge)"),
        (["--alhpa", "2"], "unknown option '--alhpa': did you mean '--alpha'? try 'dmft solve --help'"),
        (["sgd/ridge", "--paths", "9"], "unknown option '--paths'; try 'dmft solve sgd/ridge --help'"),
        (["--alpha"], "requires an argument; try 'dmft solve --help'"),
        (["--set", "alpha"], "--set key=value"),
        (["--set", "alfa=2"], "did you mean 'alpha'"),
        (["--config", "missing.toml"], "--config missing.toml cannot be read"),
        (["-o", "run.pdf"], "ends in .h5"),
    ],
)
def test_bad_values_are_told_in_one_line(call, tmp_path, words, part):
    done = call("solve", *words)
    assert done.code == 2
    assert part in done.error
    assert not list(tmp_path.glob("*.h5"))


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["slove"], "unknown command 'slove': did you mean 'solve'"),
        (["--alpha", "2"], "unknown option '--alpha'"),
        (["models", "sgd/rigde"], "did you mean 'sgd/ridge'"),
        (["compare", "--size", "100,x"], "size = 'x' is not allowed"),
        (["compare", "--size", "1"], "size = 1 is not allowed"),
        (["compare", "--size", ""], "size = ''"),
        (["simulate", "--size", "100,200"], "size = '100,200' is not allowed"),
        (["simulate", "--paths", "100"], "'--paths': it is one of the method, which dmft solve and dmft compare have;"),
        (["solve", "--size", "100"], "'--size': it is one of the simulation, which dmft simulate and dmft compare"),
        (["compare", "old.h5", "--alpha", "2"], "unknown option '--alpha': parameters and method are those of old.h5;"),
        (["simulate", "--backend", "cuppy"], "did you mean 'cupy'"),
        (["plot"], "Missing argument 'FILE'; try 'dmft plot --help'"),
    ],
)
def test_wrong_use_is_told_in_one_line(call, words, part):
    done = call(*words)
    assert done.code == 2
    assert part in done.error


@pytest.mark.parametrize("words", [[""], ["--config", ""], ["--config="], ["-o", ""]])
def test_empty_words_are_no_defaults(call, tmp_path, words):
    done = call("solve", *words)
    assert done.code == 2
    assert done.error
    assert not list(tmp_path.iterdir())


def test_missing_value_of_config(call):
    done = call("solve", "--config")
    assert done.code == 2
    assert "requires an argument" in done.error


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("steps = " + "9" * 5000, "thousands of digits"),
        ("steps = 0x" + "f" * 5000, "thousands of digits"),
        ("steps = " + "[" * 5000, "nested too deeply"),
        # newer Pythons read it, and find that there is no such table
        ("steps." + "a." * 5000 + "a = 1", "nested too deeply|unknown table"),
    ],
)
def test_config_beyond_reason(call, tmp_path, text, part):
    (tmp_path / "run.toml").write_text(text)
    done = call("solve", "--config", "run.toml")
    assert done.code == 2
    assert re.search(part, done.error)
    assert len(done.error) < 200


def test_config_with_byte_order_mark(parameters, tmp_path):
    (tmp_path / "run.toml").write_text("alpha = 3\n", encoding="utf-8-sig")
    assert parameters("solve", "--config", "run.toml")["alpha"] == 3.0
