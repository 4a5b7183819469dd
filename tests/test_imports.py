"""Imports follow the arrows of the house, everywhere: at the top of a file and inside of functions; no circles."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import dmft
from dmft.theory.base import Model

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


def statements(tree: ast.AST, *, types: bool) -> list[ast.AST]:
    """All nodes, inside of functions too; those for type checkers only (``if TYPE_CHECKING``) with `types`."""
    hidden = set()
    for node in ast.walk(tree):
        if not types and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            hidden |= {id(inner) for inner in ast.walk(node)}
    return [node for node in ast.walk(tree) if id(node) not in hidden]


@cache
def imports(path: Path, *, types: bool) -> set[str]:
    """Modules of this package that a file names: in import statements, or as text for a later import."""
    here = module_name(path).split(".")
    package = here if path.name == "__init__.py" else here[:-1]
    found = set()
    for node in statements(ast.parse(path.read_text()), types=types):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            target = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:  # `from .. import theory` names a module, `from ..errors import X` does not
                inner = f"{target}.{alias.name}"
                found.add(inner if inner in NAMES else target)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = re.fullmatch(r"(dmft(?:\.\w+)+)(?::\w+)?", node.value)  # for `import_module`, or a worker
            found |= {named[1]} & set(NAMES) if named else set()
    return {name for name in found if name.split(".")[0] == "dmft"} - {module_name(path)}


def test_every_import_is_of_a_module_that_exists():
    for path in NAMES.values():
        assert imports(path, types=True) <= set(NAMES), module_name(path)


@pytest.mark.parametrize("part", ARROWS)
def test_imports_follow_the_arrows(part):
    mine = [path for path in MODULES if module_name(path).split(".")[1] == part]
    assert mine
    for path in mine:
        for target in imports(path, types=True):
            unit = target.split(".")[1] if target != "dmft" else "dmft"
            allowed = ARROWS[part] | {part} | ({"dmft"} if part == "cli" else set())
            assert unit in allowed, f"{module_name(path)} imports {target}: {part} may import only {sorted(allowed)}"


def test_every_part_has_arrows():
    assert {module_name(path).split(".")[1] for path in MODULES} == set(ARROWS)


def test_arrows_are_those_of_the_guide_for_contributors():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| `dmft/(\w+)` \| .* \| (.*) \|$", text, flags=re.M)
    assert {part for part, _ in rows} == {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    for part, words in rows:
        everything = set(ARROWS) - {part, "__main__"} - BASE
        told = {"–": set(), "everything": everything}.get(words, set(words.split(", ")))
        assert told == ARROWS[part] - BASE, part


def test_no_module_imports_itself_in_a_circle():
    """Not even by imports inside of functions; what only a type checker sees imports nothing."""
    graph = {name: imports(path, types=False) for name, path in NAMES.items() if name != "dmft"}
    list(TopologicalSorter(graph).static_order())  # raises CycleError


def test_arrows_have_no_circle():
    list(TopologicalSorter(ARROWS).static_order())


def families() -> tuple[dict[str, str], dict[str, str]]:
    """Slug by module of every model and of its twin; family by module of these and of the bases of models."""
    slugs: dict[str, str] = {}
    found: dict[str, str] = {}
    for slug, cls in dmft.models().items():
        if cls.__module__ in NAMES:
            slugs |= {cls.__module__: slug, cls.twin_module(): slug}
            bases = [base.__module__ for base in cls.__mro__ if issubclass(base, Model) and base is not Model]
            found |= dict.fromkeys([*bases, cls.twin_module()], slug.partition("/")[0])
    return slugs, found


def test_models_know_no_model_of_another_family_and_helpers_none():
    """A family does not know its variants either: they come and go without it."""
    slugs, family = families()
    assert len(set(family.values())) > 10
    assert set(slugs) <= set(NAMES)
    for name in NAMES:
        for target in imports(NAMES[name], types=True) & set(slugs):
            assert family.get(name) == family[target], f"{name} imports {target}"
            if slugs.get(name) == family[name]:
                assert slugs[target] == family[name], f"{name} imports {target}: a family knows none of its variants"


def test_solvers_and_results_know_no_model():
    """No slug, and no class of a model, stands in their code or their words."""
    slugs = {slug for slug in dmft.models() if "/" in slug or "-" in slug}
    classes = {cls.__name__ for cls in dmft.models().values()}
    for path in MODULES:
        if module_name(path).split(".")[1] in ("solvers", "results"):
            tree = ast.parse(path.read_text())
            words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
            names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            assert not words & slugs, module_name(path)
            assert not names & classes, module_name(path)


def loaded(code: str) -> set[str]:
    """Modules that are there after `code` in a fresh interpreter."""
    code = f"import sys, json; {code}; print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(answer.stdout))


def test_files_and_functions_have_the_size_of_the_house():
    """No file above 500 lines, no function of 60 or more without its docstring; all that is public says what it is."""
    for path in NAMES.values():
        text = path.read_text()
        assert text.count("\n") <= 500, path
        tree = ast.parse(text)
        assert ast.get_docstring(tree), path
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                assert not body or node.end_lineno - body[0].lineno + 1 < 60, f"{node.name} of {path}"
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{node.name} of {path}"


def test_import_is_light():
    assert not loaded("import dmft") & HEAVY


def test_to_know_all_models_compiles_nothing():
    """Tables, help and completion need the declarations only: no kernel, no Numba, no HDF5, no figure."""
    found = loaded("import dmft; dmft.models()")
    assert not found & (HEAVY - {"numpy", "scipy"})
    kernels = {name for name, path in NAMES.items() if "dmft.solvers.compiled" in imports(path, types=False)}
    assert len(kernels) > 10
    assert not found & kernels
    assert not {name for name in found if name.startswith("dmft.simulation")}
