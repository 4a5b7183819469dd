"""The documentation tells the truth: its examples run, and so does the plug-in that it builds."""

from __future__ import annotations

import configparser
import doctest
import importlib
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dmft
from dmft.theory.registry import models

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
FLAGS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
MODULES = [item.name for item in pkgutil.walk_packages(dmft.__path__, "dmft.") if not item.name.endswith("__main__")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=FLAGS).failed == 0


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.rst")), ids=lambda path: path.relative_to(DOCS).as_posix())
def test_examples_on_pages(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some examples write files
    assert doctest.testfile(str(page), module_relative=False, optionflags=FLAGS, encoding="utf-8").failed == 0


def test_examples_were_found():
    pages = {page.name for page in DOCS.rglob("*.rst") if ">>>" in page.read_text()}
    assert pages >= {"first_run.rst", "own_loss.rst", "numerics.rst"}


def test_every_model_has_a_page():
    pages = {page.stem for page in (DOCS / "theory").glob("*.rst")}
    assert {slug.replace("/", "_").replace("-", "_") for slug in models()} <= pages


def test_readme_lists_every_model_and_links_to_files_that_exist():
    text = (ROOT / "README.md").read_text()
    for slug in models():
        assert f"| `{slug}` |" in text
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert "docs/images/sgd.png" in links
    for link in links:
        assert (ROOT / link).exists(), link


def test_equations_cited_by_label_exist():
    text = "".join(page.read_text() for page in DOCS.rglob("*.rst"))
    labels = re.findall(r":label: (\w+)", text)
    assert len(labels) == len(set(labels))
    assert set(re.findall(r":eq:`(\w+)`", text)) <= set(labels)


@pytest.fixture
def plugin(tmp_path):
    """The example package as pip would install it: its module and its entry points, in a folder on the path."""
    source = ROOT / "examples" / "plugin"
    shutil.copytree(source / "noisy_descent", tmp_path / "noisy_descent")
    config = configparser.ConfigParser()
    config.read(source / "setup.cfg")
    about = tmp_path / "noisy_descent-0.1.dist-info"
    about.mkdir()
    about.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: noisy-descent\nVersion: 0.1\n")
    groups = config["options.entry_points"].items()
    about.joinpath("entry_points.txt").write_text("".join(f"[{name}]{lines}\n" for name, lines in groups))
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return {**os.environ, "PYTHONPATH": path}


def run(arguments, **kwargs):
    answer = subprocess.run([sys.executable, "-W", "error", *arguments], capture_output=True, text=True, **kwargs)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


#: Every command with the model of the plug-in, in one process; what each printed goes back as JSON.
EVERY_COMMAND = """
import json, sys
from click.testing import CliRunner
from dmft.cli import cli

found = {}
for words in json.loads(sys.argv[1]):
    done = CliRunner().invoke(cli, words)
    found[" ".join(words)] = done.exit_code, done.stdout, done.stderr
print(json.dumps(found))
"""


def test_plugin_is_a_model_like_any_other(plugin, tmp_path):
    """Solved, simulated, compared, swept, drawn, told of and refused, without an edit of this package."""
    short = ["noisy-descent", "--temperature", "0.2", "--no-figure", "--json"]
    sizes = ["--size", "250,500,1000", "--replicas", "20", "--seed", "2"]
    over = ["--over", "temperature=0.1,0.2", "--jobs", "1"]
    commands = [
        ["models"],
        ["models", "noisy-descent"],
        ["solve", *short, "-o", "solve.h5"],
        ["simulate", *short, "-o", "simulate.h5", "--size", "50"],
        ["compare", *short, "-o", "compare.h5", *sizes, "--check"],
        ["sweep", "noisy-descent", *over, "-o", "sweep.h5", "--json"],
        ["info", "compare.h5"],
        ["plot", "compare.h5", "-o", "compare.png"],
        ["solve", "noisy-descent", "--temperature=-1"],
        ["solve", "noisy-descend"],
    ]
    found = list(json.loads(run(["-c", EVERY_COMMAND, json.dumps(commands)], env=plugin, cwd=tmp_path)).values())
    known, told, solved, simulated, compared, swept, info, drawn, refused, unknown = found
    assert [item[0] for item in found] == [0] * 8 + [2, 2], found
    assert "noisy-descent" in known[1]
    assert all(word in told[1] for word in ("--stiffness", "curvature of the bowl", "norm", "(0, inf)"))
    # C(∞) = 2ηT/(1 − (1 − ηk)²), reached up to (1 − ηk)^100
    limit = pytest.approx(0.04 / (1 - 0.81), rel=2 * 0.9**100)
    assert json.loads(solved[1])["curves"]["norm"]["last"] == limit
    assert json.loads(simulated[1])["curves"]["norm"]["shape"] == [51]
    assert json.loads(compared[1])["comparison"]["verdict"] == "agrees"
    assert json.loads(swept[1])["curves"]["norm"]["shape"] == [2, 51]
    values = dmft.load(tmp_path / "sweep.h5").at_end("norm").values  # proportional to the temperature
    assert values[1] == pytest.approx(2.0 * values[0], rel=1e-12)
    assert "Noisy gradient descent in a quadratic bowl" in info[1]
    assert (tmp_path / "compare.png").read_bytes().startswith(b"\x89PNG"), drawn
    assert "temperature = -1" in refused[2]
    assert "did you mean 'noisy-descent'" in unknown[2]


def test_example_in_python_of_the_page_of_the_plugin(plugin, tmp_path):
    """The few lines that the page *Add a model* shows."""
    page = (DOCS / "add_model.rst").read_text()
    (code,) = re.findall(r"   (run = dmft.compare\(\"noisy-descent\".*?\n   print\(.*?\))", page, re.DOTALL)
    lines = "\n".join(line.strip() for line in code.splitlines())
    assert run(["-c", f"import dmft\n{lines}"], env=plugin, cwd=tmp_path).startswith("theory and simulation agree")
