"""The documentation as a site: its gallery, and its pages in a real browser."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason='needs pip install ".[docs]"')

ROOT = Path(__file__).resolve().parents[1]
EXTENSIONS = ROOT / "docs" / "_ext"


def load_browser():
    """The helper beside this file; test files are not a package."""
    spec = importlib.util.spec_from_file_location("browser", Path(__file__).with_name("browser.py"))
    sys.modules["browser"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(source, target, *options):
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", *options, source, target]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


CARD = """{title}
=========

.. system:: {family}
   :picture: {picture}
   :question: How *fast*?
   :verdict: Confirmed.
"""


def test_gallery_makes_cards_and_misses_pictures(tmp_path):
    """One good card; one whose picture is not there, which is an error, as are the families without a card."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "conf.py").write_text(f"import sys\nsys.path.insert(0, {str(EXTENSIONS)!r})\nextensions = ['gallery']\n")
    (source / "index.rst").write_text("Start\n=====\n\n.. gallery::\n\n.. toctree::\n\n   one\n   two\n")
    (source / "one.rst").write_text(CARD.format(title="Good one", family="lamb", picture="one.png"))
    (source / "two.rst").write_text(CARD.format(title="Bad two", family="p-spin", picture="two.png"))
    (source / "one.png").write_bytes((ROOT / "docs" / "images" / "lamb.png").read_bytes())
    answer = build(source, tmp_path / "html")
    assert answer.returncode == 1
    assert f"system p-spin: there is no picture {source / 'two.png'}" in " ".join(answer.stderr.split())
    assert "no page has `.. system:: sgd`" in answer.stderr
    assert "`.. system:: lamb`" not in answer.stderr
    start = (tmp_path / "html" / "index.html").read_text()
    assert start.count('class="card ') == 1
    assert 'src="_images/one.png"' in start
    assert 'href="one.html"' in start
    assert "How <em>fast</em>?" in start
    assert (tmp_path / "html" / "_images" / "one.png").is_file()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built pages: those in the folder that DMFT_DOCS_HTML names, else built here, without a warning."""
    if "DMFT_DOCS_HTML" in os.environ:
        return Path(os.environ["DMFT_DOCS_HTML"])
    target = tmp_path_factory.mktemp("html")
    answer = build(ROOT / "docs", target, "-n", "-b", "html")
    assert answer.returncode == 0, answer.stderr
    return target


@pytest.mark.slow
def test_site_needs_no_network(site):
    """Every script, style and picture is part of the site."""
    for page in site.rglob("*.html"):
        loaded = re.findall(r'<(?:script|img|link)[^>]*(?:src|href)="(https?:[^"]*)"', page.read_text())
        assert not loaded, f"{page.name} loads {loaded}"
    assert (site / "_static" / "tex-svg.js").stat().st_size > 1e6


@pytest.mark.slow
def test_command_line_and_models_are_complete(site):
    from dmft.cli.group import COMMANDS
    from dmft.theory.registry import models

    commands, parameters = ((site / f"{name}.html").read_text() for name in ("cli", "models"))
    assert all(f'id="dmft-{name}"' in commands for name in COMMANDS)
    assert "--batch-fraction" in commands
    assert parameters.count('<section id="model-') == len(models())


@pytest.mark.slow
@pytest.mark.parametrize("page", ["index", "theory/sgd", "theory/relu_neuron", "solvers"])
def test_pages_in_a_browser(site, page, tmp_path):
    """No picture is missing, nothing is wider than the window, the console is silent, formulas are set."""
    browser = load_browser()
    if browser.find() is None:
        pytest.skip("no browser on this machine")
    shots = Path(os.environ.get("DMFT_ARTIFACTS", tmp_path))
    shots.mkdir(parents=True, exist_ok=True)
    shot = shots / f"docs-{page.replace('/', '-')}.png"
    seen = browser.look(site / f"{page}.html", shot, width=1400, height=3000)
    assert seen.pictures > 0 or page == "solvers"
    assert not seen.broken
    assert not seen.external
    assert not seen.unlabelled
    assert not seen.console
    assert seen.overflow <= 0
    assert shot.stat().st_size > 10_000
