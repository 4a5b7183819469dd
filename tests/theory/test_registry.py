"""Models by slug: found by file or by entry point, never two of one name, never broken by one plug-in."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import sys

import pytest

import dmft
from dmft.errors import DMFTError, UnknownNameError
from dmft.theory import registry
from dmft.theory.base import Model
from dmft.theory.sgd import SGD

BUILT_IN = [slug for slug, model in dmft.models().items() if model.__module__.startswith("dmft.")]
UNITS = ("1", "bit", "min", "rad", "step")
#: The order of what stands in every model, as far as it does.
ATTRIBUTES = ("slug", "title", "references", "observables", "figure", "method", "sizes", "twin")
METHODS = ("check", "warnings", "default_sizes", "estimate", "solve", "coordinates")


@pytest.fixture
def own_registry(monkeypatch):
    """Changes to the registry end with the test."""
    dmft.models()
    monkeypatch.setattr(registry, "_models", dict(registry._models))


@pytest.mark.parametrize("slug", BUILT_IN)
def test_every_model_is_complete(slug):
    """Words, symbols, units and sources of all that it declares."""
    model = dmft.models()[slug]
    assert model.slug == slug
    assert model.__doc__
    assert model.title
    assert not model.title.endswith(".")
    assert model.references
    assert all(re.search(r"arXiv:(\d{4}\.\d{4,5}|[a-z-]+/\d{7})|\(\d{4}\)", source) for source in model.references)
    names = [item.name for item in model.observables]
    assert len(set(names)) == len(names)
    for item in model.observables:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", item.name), "a name in words"
        assert item.symbol
        assert item.long_name
        assert item.unit in UNITS
        assert len(set(item.dims)) == len(item.dims)
    for cls in (model, model.method):
        for item in cls.declared():
            assert re.fullmatch(r"[a-z][a-z0-9_]*", item.name)
            assert item.doc
            assert item.unit in ("", *UNITS)
            assert item.kind in (bool, str) or item.bounds is not None, f"{item.name} has no bounds"
    assert {panel.y for panel in model.figure} <= set(names)
    made = model()
    assert model.from_dict(made.as_dict()) == made
    assert made.estimate(model.method())["memory"] >= 0.0
    assert hash(made) == hash(model())


@pytest.mark.parametrize("slug", BUILT_IN)
def test_models_look_like_siblings(slug):
    """File and class are called as the slug; attributes, parameters and methods stand in one order, as in the twin."""
    model = dmft.models()[slug]
    file = slug.replace("/", "_").replace("-", "_")
    assert model.__module__ == f"dmft.theory.{file}"
    assert model.__name__.lower() == file.replace("_", "")
    (tree,) = (
        node for node in ast.parse(inspect.getsource(sys.modules[model.__module__])).body
        if isinstance(node, ast.ClassDef) and node.name == model.__name__
    )  # fmt: skip
    fields = [node for node in tree.body if isinstance(node, ast.AnnAssign)]
    methods = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    declared = ["declare" in ast.unparse(node.value) for node in fields]
    assert declared == sorted(declared), "attributes of the class stand before the parameters"
    assert [node for node in tree.body if isinstance(node, (ast.AnnAssign, ast.FunctionDef))][: len(fields)] == fields
    for names, order in (([ast.unparse(node.target) for node in fields], ATTRIBUTES), (methods, METHODS)):
        found = [name for name in names if name in order]
        assert found == [name for name in order if name in found]
    for name, place in (("check", 0), ("coordinates", -1)):
        assert name not in methods or methods[place] == name, f"{name} stands elsewhere"
    twin = importlib.import_module(model.twin_module())
    assert list(inspect.signature(twin.simulate).parameters)[:3] == ["model", "method", "progress"]
    assert list(inspect.signature(twin.estimate).parameters) == ["model", "method"]


def test_a_name_has_one_unit_in_a_family():
    units: dict[tuple[str, str], dict[str, str]] = {}
    for slug in BUILT_IN:
        model = dmft.models()[slug]
        for item in (*model.observables, *model.declared()):
            kind = type(item).__name__
            units.setdefault((slug.partition("/")[0], f"{kind} {item.name}"), {})[item.unit] = slug
    assert {key: found for key, found in units.items() if len(found) > 1} == {}


def test_families_come_with_their_variants():
    slugs = list(dmft.models())
    assert slugs == sorted(slugs)
    assert {"sgd", "sgd/ridge"} <= set(slugs)


def test_a_slug_is_taken_once(own_registry):
    @dataclasses.dataclass(frozen=True)
    class Other(Model):
        slug = "sgd"

    with pytest.raises(DMFTError, match=r"two models are called 'sgd': dmft\.theory\.sgd and "):
        dmft.register(Other)
    assert dmft.models()["sgd"] is SGD


def test_a_model_of_ones_own_is_found(own_registry):
    @dmft.register
    @dataclasses.dataclass(frozen=True)
    class Mine(Model):
        slug = "mine"

    assert registry.find("mine") is Mine
    with pytest.raises(UnknownNameError, match="did you mean 'mine'"):
        registry.find("mina")


def test_a_broken_plugin_is_a_warning(own_registry, monkeypatch):
    class Broken:
        name = "broken"

        @staticmethod
        def load():
            raise ImportError("no module named nonsense")

    monkeypatch.setattr(registry, "entry_points", lambda group: [Broken])
    monkeypatch.setattr(registry, "_complete", False)
    with pytest.warns(UserWarning, match="model plug-in 'broken' could not be loaded: no module named nonsense"):
        assert "sgd" in dmft.models()
