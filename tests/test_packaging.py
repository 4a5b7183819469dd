"""What is shipped: one version, one test command, typed, all that it imports declared."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import entry_points, metadata, version
from pathlib import Path

import pytest

import dmft

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "dmft"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def test_one_version():
    assert version("dmft") == dmft.__version__
    assert f"version: {dmft.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## [{dmft.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"^version = attr: dmft.__version__$", (ROOT / "setup.cfg").read_text(), re.M)


def test_extras():
    extras = set(metadata("dmft").get_all("Provides-Extra"))
    assert extras >= {"cuda12", "cuda13", "xarray", "cluster", "adaptive", "data", "test", "docs", "dev"}


def test_console_script():
    (script,) = entry_points(group="console_scripts", name="dmft")
    assert script.value == "dmft.cli:main"
    command = shutil.which("dmft", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert command is not None
    answer = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert dmft.__version__ in answer.stdout


def test_every_imported_package_is_declared():
    declared = {re.split(r"[^\w-]", line)[0] for line in metadata("dmft").get_all("Requires-Dist")}
    provides = {"cupy-cuda12x": "cupy", "scikit-learn": "sklearn"}
    known = {provides.get(name, name) for name in declared} | set(sys.stdlib_module_names) | {"dmft"}
    for path in MODULES:
        tree = list(ast.walk(ast.parse(path.read_text())))
        names = {alias.name for node in tree if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module for node in tree if isinstance(node, ast.ImportFrom) and not node.level}
        assert {name.split(".")[0] for name in names} <= known, path


def test_public_names_exist():
    for name in dmft.__all__:
        assert getattr(dmft, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        dmft.nonsense  # noqa: B018


def test_wheel_ships_every_module_and_the_type_marker(tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(PACKAGE, tree / "dmft", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    # the backend itself, as pip calls it, but without pip's download of it
    code = f"from setuptools import build_meta; build_meta.build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=tree, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("dmft-*.whl")
    shipped = set(zipfile.ZipFile(wheel).namelist())
    source = [path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".mplstyle") or path.name == "py.typed"]
    assert {path.relative_to(ROOT).as_posix() for path in source} <= shipped
    assert "dmft/py.typed" in shipped
    assert not [name for name in shipped if name.startswith(("tests", "docs", "examples", "benchmarks"))]


def test_ci_runs_the_test_command_of_the_readme():
    commands = [line for line in (ROOT / "README.md").read_text().splitlines() if 'pip install ".[test]"' in line]
    assert commands == ['python3 -m venv .venv && . .venv/bin/activate && pip install ".[test]" && pytest']
    script = (ROOT / ".ci" / "run").read_text()
    (pattern,) = re.findall(r"command=\$\(grep -m 1 '(.*)' README.md\)", script)
    assert re.search(pattern, commands[0])
    assert 'bash -euo pipefail -c "$command"' in script


def test_main_job_is_in_the_readme():
    assert (
        "python3 -m venv .venv && . .venv/bin/activate && pip install . && dmft solve --alpha 2.0"
        in (ROOT / "README.md").read_text().splitlines()
    )


def test_pyproject_holds_the_build_system_only():
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    assert [line for line in lines if line.startswith("[")] == ["[build-system]"]
