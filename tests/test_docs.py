"""The documentation tells the truth: its examples run, and so does the plug-in that it builds."""

from __future__ import annotations

import configparser
import doctest
import importlib
import json
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import pytest
from click.testing import CliRunner

import dmft
from dmft.cli import cli
from dmft.reproduction.catalog import select
from dmft.reproduction.judge import describe
from dmft.reproduction.plan import plan
from dmft.theory.network import as_network
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
    assert {slug.replace("/", "_").replace("-", "_") for slug in SLUGS} <= pages


#: Sections that every system's page has, in this order; others may stand between them.
SECTIONS = ["Question", "Equations", "Numerics", "Figure", "Claims and verdicts", "Limits"]
SECTIONS += ["Parameters and observables", "References"]
SLUGS = [slug for slug, model in models().items() if model.__module__.startswith("dmft.")]
PAGES = sorted((DOCS / "theory" / f"{slug.replace('/', '_').replace('-', '_')}.rst", slug) for slug in SLUGS)


#: Columns of the table of claims.
HEADER = ["Claim", "Our figure", "Verdict", "Hypotheses"]


def table_of_claims(text):
    """Rows below the header, as lists of cells."""
    rows = re.findall(r"^   \* - .*\n(?:     .*\n)+", text, flags=re.M)
    cells = [[" ".join(cell.split()) for cell in re.split(r"^ {3}[* ] - ", row, flags=re.M)[1:]] for row in rows]
    return cells[cells.index(HEADER) + 1 :]


def sections(text):
    """Text of each section by its title."""
    parts = re.split(r"^(\S.*)\n-{4,}$", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize(("page", "slug"), PAGES, ids=[slug for _, slug in PAGES])
def test_page_of_a_system(page, slug):
    text = page.read_text()
    found = sections(text)
    assert [title for title in found if title in SECTIONS] == SECTIONS
    assert all(body.strip() for body in found.values())
    assert text.startswith(f"``{slug}``: ")
    assert ".. math::" in found["Equations"] or ":label:" in found["Equations"]
    assert ".. figure:: ../images/" in found["Figure"]
    claims = table_of_claims(found["Claims and verdicts"])
    assert claims
    assert all(len(row) == len(HEADER) and all(row) for row in claims)
    for what in ("parameters", "observables", "references"):
        assert f".. declared:: {what} {slug}\n" in text or (what == "references" and ".. [" in found["References"])
    assert (f".. system:: {slug}\n" in text) is ("/" not in slug), "a card for each family, on its own page"


def test_every_variant_is_in_the_contents_of_its_family():
    page_of = {slug: page for page, slug in PAGES}
    for page, slug in PAGES:
        family = slug.partition("/")[0]
        above = (DOCS / "index.rst" if slug == family else page_of[family]).read_text()
        assert re.search(rf"^   (?:theory/)?{page.stem}$", above, flags=re.M), slug


def test_images_are_there_and_used():
    used = set()
    for page in [*DOCS.rglob("*.rst"), ROOT / "README.md"]:
        text = page.read_text()
        for name in re.findall(r"^(?:\.\. (?:figure|image)::|   :picture:) (\S+)", text, flags=re.M):
            assert (page.parent / name).is_file(), f"{page.name}: {name}"
        used |= set(re.findall(r"images/([\w.-]+)", text))
    assert {path.name for path in (DOCS / "images").iterdir()} == used


def test_figures_have_words_for_those_who_do_not_see_them():
    for page in DOCS.rglob("*.rst"):
        text = page.read_text()
        figures, words = (re.findall(f"^ *{start} .", text, flags=re.M) for start in (r"\.\. figure::", ":alt:"))
        assert len(figures) == len(words), page.name


def test_public_names_are_in_the_reference():
    text = "".join(page.read_text() for page in DOCS.rglob("*.rst"))
    for name in set(dmft.__all__) - {"__version__"}:
        assert re.search(rf"\.\. auto(?:function|class|exception):: dmft\.(?:[\w.]+\.)?{name}\n", text) or (
            name == "DMFTError" and ".. automodule:: dmft.errors" in text
        ), name


def test_readme_lists_every_model_and_links_to_files_that_exist():
    text = (ROOT / "README.md").read_text()
    for slug in SLUGS:
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


def test_page_of_the_file_format_names_every_attribute(tmp_path):
    """Of runs with everything in them, and of a phase diagram; what HDF5 and netCDF keep for themselves is theirs."""
    text = (DOCS / "file_format.rst").read_text()
    theirs = {"CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "_Encoding"}
    options = {"steps": 3, "size": [20, 40]}
    files = [
        dmft.compare("sgd/ridge", replicas=replicas, **options).save(tmp_path / f"{replicas}.h5") for replicas in (1, 2)
    ]
    found: set[str] = set()
    for path in (*files, ROOT / "tests" / "results" / "phase-2.h5"):
        with h5py.File(path) as file:
            found.update(file.attrs)
            file.visititems(lambda _, item: found.update(item.attrs))
    assert {"reason", "failures", "ancillary_variables", "coordinates"} <= found
    assert {name for name in found - theirs if f"``{name}``" not in text} == set()


def test_page_of_the_reproduction_names_every_key():
    (planned,) = plan(select(["lamb/schedule"]), full=False)
    text = (DOCS / "reproduce.rst").read_text()
    table = re.search(r"^key +content\n=+ +=+\n(.*?)^=", text, flags=re.M | re.S)[1]
    keys = [name for row in table.splitlines() for name in re.split(r"  ", row)[0].split(", ")]
    assert set(keys) == set(describe(planned, "fast"))


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


def blocks(page, language):
    """Code blocks of a page."""
    pattern = rf"^\.\. code-block:: {language}\n\n((?:   .*\n|\n)+)"
    return [textwrap.dedent(block).strip() for block in re.findall(pattern, page.read_text(), flags=re.M)]


def commands_of(page):
    """Calculations that a page shows, in blocks and in the text, one line each, without those that leave parts open."""
    text = page.read_text()
    found = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    found += [" ".join(words.split()) for words in re.findall(r"(?<!`)`{1,2}(dmft [^`]+)`{1,2}(?!`)", text)]
    lines = [line.partition(" #")[0].partition(" |")[0].strip() for line in found]
    wanted = r"dmft (?:(?:solve|simulate|compare) |reproduce (?=[a-z])|sweep .*--(?:over|config) )[^…\[\]$]+"
    return [line for line in lines if re.fullmatch(wanted, line) and "noisy-descent" not in line]


PAGES_WITH_COMMANDS = [page for page in sorted(DOCS.rglob("*.rst")) if commands_of(page)]


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS, ids=lambda page: page.stem)
def test_commands_on_pages_are_accepted(page, tmp_path, monkeypatch):
    """Every model, option, value and config file that is shown exists; nothing is calculated."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copy(ROOT / "examples" / "cluster" / "phase.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    as_network({"w": [[1.0]], "b": [0.5], "c": [1.0]}).save(tmp_path / "weights.npz")
    for line in commands_of(page):
        done = CliRunner().invoke(cli, [*shlex.split(line)[1:], "--dry-run"])
        assert done.exit_code == 0, f"{line}: {done.stderr}"


def test_commands_were_found():
    lines = [line for page in PAGES_WITH_COMMANDS for line in commands_of(page)]
    assert {"dmft solve --alpha 2.0", "dmft compare --alpha 2.0 --size 250,500,1000 --replicas 20"} <= set(lines)
    assert len({line.split()[1] for line in lines}) == 5


@pytest.mark.slow
def test_commands_of_the_cluster_page(tmp_path):
    """All of them in order; `sbatch array.sh` runs the script once for each number of its array, as Slurm would."""
    for name in ("array.sh", "phase.toml"):
        shutil.copy(ROOT / "examples" / "cluster" / name, tmp_path)
    (tmp_path / "dmft").write_text(f'#!/bin/sh\nexec {sys.executable} -m dmft "$@"\n')
    (tmp_path / "dmft").chmod(0o755)
    usual = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    first, last = re.search(r"--array=(\d+)-(\d+)", (tmp_path / "array.sh").read_text()).groups()
    slurm = {"SLURM_JOB_ID": "1", "SLURM_CPUS_PER_TASK": "1", "SLURM_ARRAY_TASK_COUNT": last}
    commands = "\n".join(blocks(DOCS / "cluster.rst", "sh")).splitlines()
    assert "sbatch array.sh" in commands
    for line in commands:
        tasks = [str(number) for number in range(int(first), int(last) + 1)] if line.startswith("sbatch ") else [""]
        for task in tasks:
            env = {**usual, **slurm, "SLURM_ARRAY_TASK_ID": task} if task else usual
            command = ["sh", "-c", line.replace("sbatch ", "sh ")]
            answer = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
            assert answer.returncode == 0, f"{line}: {answer.stderr}"
    assert (tmp_path / "gain.png").stat().st_size > 10_000
    gains = [dmft.load(tmp_path / name)["noise_gain"].values for name in ("phase.h5", "dask.h5")]
    assert (gains[0] == gains[1]).all(), "the same bits whoever calculates"
    (code,) = blocks(DOCS / "cluster.rst", "python")
    assert run(["-c", code], cwd=tmp_path).strip().endswith("(8, 6)")


@pytest.mark.slow
def test_plugin_is_installed_and_passes_its_own_tests(tmp_path):
    """`pip install` of the example into a folder of its own, then every command of the page, and its tests."""
    source = shutil.copytree(ROOT / "examples" / "plugin", tmp_path / "source")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--target"]
    answer = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, tmp_path / "site", source], capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    path = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    env = {**os.environ, "PYTHONPATH": path}
    install, *commands = blocks(DOCS / "add_model.rst", "sh")[-1].splitlines()
    assert install == "pip install ./examples/plugin"
    for line in commands:
        run(["-m", *line.split()], env=env, cwd=tmp_path)
    (use,) = (code for code in blocks(DOCS / "add_model.rst", "python") if "compare(" in code)
    assert "agree" in run(["-c", use], env=env, cwd=tmp_path)
    run(["-m", "pytest", "-q", "-p", "no:cacheprovider", str(source / "tests")], env=env, cwd=tmp_path)


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


@pytest.mark.slow
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
        ["reproduce", "noisy-descent", "--jobs", "1", "--json"],
        ["solve", "noisy-descent", "--temperature=-1"],
        ["solve", "noisy-descend"],
    ]
    found = list(json.loads(run(["-c", EVERY_COMMAND, json.dumps(commands)], env=plugin, cwd=tmp_path)).values())
    known, told, solved, simulated, compared, swept, info, drawn, again, refused, unknown = found
    assert [item[0] for item in found] == [0] * 9 + [2, 2], found
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
    assert json.loads(again[1])["counts"] == {"confirmed": 1}
    assert "temperature = -1" in refused[2]
    assert "did you mean 'noisy-descent'" in unknown[2]


def test_example_in_python_of_the_page_of_the_plugin(plugin, tmp_path):
    """The few lines that the page *Add a model* shows."""
    page = (DOCS / "add_model.rst").read_text()
    (code,) = re.findall(r"   (run = dmft.compare\(\"noisy-descent\".*?\n   print\(.*?\))", page, re.DOTALL)
    lines = "\n".join(line.strip() for line in code.splitlines())
    assert run(["-c", f"import dmft\n{lines}"], env=plugin, cwd=tmp_path).startswith("theory and simulation agree")
