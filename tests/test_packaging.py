"""What is shipped: one version, one test command, typed, light to import, and no import against the arrows."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from graphlib import TopologicalSorter
from importlib.metadata import entry_points, metadata, version
from pathlib import Path

import pytest

import dmft

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "dmft"
HEAVY = {"numpy", "scipy", "numba", "h5py", "matplotlib", "xarray", "dask", "cupy"}

#: Which part of the package may import which. `api` is what sweeps and the command line call.
BASE = {"errors", "parameters"}
ARROWS = {
    "errors": set(),
    "parameters": {"errors"},
    "results": BASE,
    "solvers": BASE | {"results"},
    "theory": BASE | {"results", "solvers"},
    "simulation": BASE | {"results", "solvers", "theory"},
    "api": BASE | {"results", "solvers", "theory", "simulation"},
    "sweeps": BASE | {"results", "solvers", "theory", "simulation", "api"},
    "reproduction": BASE | {"results", "solvers", "theory", "simulation", "api", "sweeps"},
    "cli": BASE | {"results", "solvers", "theory", "simulation", "api", "sweeps", "reproduction"},
    "__main__": {"cli"},
}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {module_name(path): path for path in [*MODULES, PACKAGE / "__init__.py"]}


def imports(path: Path, nodes: list[ast.AST]) -> set[str]:
    """Modules of this package that the import statements among `nodes` name."""
    here = module_name(path).split(".")
    package = here if path.name == "__init__.py" else here[:-1]
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            target = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:  # `from .. import theory` names a module, `from ..errors import X` does not
                inner = f"{target}.{alias.name}"
                found.add(inner if inner in NAMES else target)
    return {name for name in found if name.split(".")[0] == "dmft"}


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_follow_the_arrows(path):
    part = module_name(path).split(".")[1]
    for target in imports(path, list(ast.walk(ast.parse(path.read_text())))):
        unit = target.split(".")[1] if target != "dmft" else "dmft"
        allowed = ARROWS[part] | {part} | ({"dmft"} if part == "cli" else set())
        assert unit in allowed, f"{module_name(path)} imports {target}: {part} may import only {sorted(allowed)}"


def test_no_module_imports_itself_in_a_circle():
    graph = {
        name: imports(path, ast.parse(path.read_text()).body) - {name}  # module scope only: what runs at import
        for name, path in NAMES.items()
    }
    list(TopologicalSorter(graph).static_order())


def test_arrows_have_no_circle():
    list(TopologicalSorter(ARROWS).static_order())


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
        assert {name.split(".")[0] for name in names} <= known, module_name(path)


def test_import_is_light():
    code = f"import sys, dmft; print(sorted({HEAVY!r} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


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
