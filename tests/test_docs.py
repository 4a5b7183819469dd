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


def test_plugin_compares_well_in_python(plugin, tmp_path):
    code = """
import dmft
run = dmft.compare("noisy-descent", size=[250, 500, 1000], replicas=20, seed=2)
assert run["norm"].stderr is None
assert run.simulation["norm"].values.shape == (51,)
print(run.comparison.verdict)
"""
    assert run(["-c", code], env=plugin, cwd=tmp_path).strip() == "agrees"


def test_plugin_is_a_model_on_the_command_line(plugin, tmp_path):
    command = ["-m", "dmft", "solve", "noisy-descent", "--temperature", "0.2", "--json", "--no-figure"]
    answer = json.loads(run(command, env=plugin, cwd=tmp_path))
    # C(∞) = 2ηT/(1 − (1 − ηk)²), reached up to (1 − ηk)^100
    assert answer["curves"]["norm"]["last"] == pytest.approx(0.04 / (1 - 0.81), rel=2 * 0.9**100)
    assert (tmp_path / answer["file"]).exists()


def test_plugin_is_swept(plugin, tmp_path):
    words = ["-m", "dmft", "sweep", "noisy-descent", "--over", "temperature=0.1,0.2", "-o", "t.h5", "--jobs", "1"]
    answer = json.loads(run([*words, "--json"], env=plugin, cwd=tmp_path))
    assert answer["curves"]["norm"]["shape"] == [2, 51]
    values = dmft.load(tmp_path / "t.h5").at_end("norm").values  # proportional to the temperature
    assert values[1] == pytest.approx(2.0 * values[0], rel=1e-12)
    assert (tmp_path / "t.pdf").exists()


def test_plugin_brings_recipes(plugin, tmp_path):
    answer = json.loads(
        run(["-m", "dmft", "reproduce", "noisy-descent", "--jobs", "1", "--json"], env=plugin, cwd=tmp_path)
    )
    assert answer["counts"] == {"confirmed": 1}


def test_plugin_validates(plugin, tmp_path):
    command = [sys.executable, "-m", "dmft", "solve", "noisy-descent", "--temperature=-1"]
    answer = subprocess.run(command, env=plugin, cwd=tmp_path, capture_output=True, text=True)
    assert answer.returncode == 2
    assert "temperature = -1" in answer.stderr
