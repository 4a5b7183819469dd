"""info, plot, models: reading files, good and bad."""

from __future__ import annotations

import h5py
import pytest

from dmft.api import load
from dmft.theory.registry import models

RIDGE = ("solve", "sgd/ridge", "--steps", "5", "--no-figure", "-o", "run.h5", "-q")


@pytest.fixture
def run(call, tmp_path):
    """A file of results."""
    assert call(*RIDGE).code == 0
    return tmp_path / "run.h5"


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def foreign(path):
    with h5py.File(path, "w") as file:
        file["x"] = 1.0


def newer(path):
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 999


def incomplete(path):
    with h5py.File(path, "r+") as file:
        file.attrs["complete"] = 0


DAMAGE = {
    truncate: "",
    foreign: "not one of dmft",
    newer: "schema_version is 999",
    incomplete: "not written to its end",
    lambda path: path.write_text("text"): "not an HDF5 file",
    lambda path: path.write_bytes(b""): "empty",
    lambda path: path.unlink(): "does not exist",
}


@pytest.mark.parametrize("command", [["info"], ["plot"], ["compare"]])
@pytest.mark.parametrize("damage", DAMAGE)
def test_bad_files_are_told_in_one_line(call, run, tmp_path, command, damage):
    damage(run)
    done = call(*command, "run.h5")
    assert done.code == 1
    assert "run.h5" in done.error
    assert DAMAGE[damage] in done.error
    assert not list(tmp_path.glob("*.pdf"))


def test_info_of_a_file(call, run):
    done = call("info", "run.h5")
    assert (done.code, done.err) == (0, "")
    for word in ("sgd/ridge", "converged", "final_norm", "alpha=2.0", "nodes=0", "magnetization(t)", "arXiv:"):
        assert word in done.out
    assert "dmft solve sgd/ridge --steps 5" in done.out
    whole = call("info", "run.h5", "-v").out
    assert "numba" in whole
    assert all(source.split()[-1] in whole for source in load("run.h5").references)
    made = call("info", "run.h5", "--json").object
    assert (made["file"], made["status"], made["model"]) == ("run.h5", "converged", "sgd/ridge")
    assert made["provenance"]["command"].startswith("dmft solve")


def test_info_of_the_machine(call):
    done = call("info")
    assert all(word in done.out for word in ("threads", "memory", "cache", "numpy usable", "versions"))
    assert call("info", "--json").object["backends"]["numpy"] == "usable"


@pytest.mark.parametrize(("suffix", "start"), [("pdf", b"%PDF"), ("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_plot(call, run, tmp_path, suffix, start):
    figure = tmp_path / f"fig.{suffix}"
    words = ("plot", "run.h5", "--observable", "norm", "--observable", "magnetization", "-o", figure.name)
    assert call(*words).out == f"figure  fig.{suffix}\n"
    assert figure.read_bytes().startswith(start)
    done = call(*words)
    assert done.code == 1
    assert "exists" in done.error
    assert call(*words, "--force").code == 0


def test_plot_beside_the_file(call, run, tmp_path):
    assert call("plot", "run.h5").code == 0
    assert (tmp_path / "run.pdf").exists()


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["--observable", "nrom"], 2, "did you mean 'norm'"),
        (["-o", "fig.jpg"], 2, "one of .pdf, .png, .svg"),
        (["-o", "missing/fig.pdf"], 1, "folder missing does not exist"),
    ],
)
def test_plot_refuses(call, run, words, code, part):
    done = call("plot", "run.h5", *words)
    assert done.code == code
    assert part in done.error


def test_models(call):
    done = call("models")
    assert all(slug in done.out and model.title in done.out for slug, model in models().items())
    made = call("models", "--json").object["models"]
    assert [item["slug"] for item in made] == list(models())
    assert {item["family"] for item in made} == {slug.partition("/")[0] for slug in models()}


@pytest.mark.parametrize("slug", ["sgd", "sgd/ridge"])
def test_model(call, slug):
    done = call("models", slug)
    model = models()[slug]
    assert done.code == 0
    assert model.title in done.out
    assert all(item.option in done.out for item in model.declared())  # test_screen looks at every word
    made = call("models", slug, "--json").object
    assert [item["name"] for item in made["parameters"]] == [item.name for item in model.declared()]
    assert [item["name"] for item in made["observables"]] == [item.name for item in model.observables]
    assert made["variants"] == [other for other in models() if other.startswith("sgd") and other != slug]


@pytest.mark.parametrize("slug", ["sgd", "p-spin", "rl-overfitting/td", "bn-weight-decay"])
def test_what_the_size_counts(call, slug):
    meaning = models()[slug].size_means
    texts = [call("models", slug), *(call(name, slug, "--help") for name in ("simulate", "compare", "sweep"))]
    assert all(meaning in " ".join(done.out.split()) for done in texts)


@pytest.mark.parametrize("name", ["", "/"])
def test_plot_of_no_file(call, name):
    done = call("plot", name)
    assert done.code == 2
    assert "is not allowed: give a file" in done.error
