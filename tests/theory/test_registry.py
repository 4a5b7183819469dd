"""Models by slug: found by file or by entry point, never two of one name, never broken by one plug-in."""

from __future__ import annotations

import dataclasses

import pytest

import dmft
from dmft.errors import DMFTError, UnknownNameError
from dmft.theory import registry
from dmft.theory.base import Model
from dmft.theory.sgd import SGD


@pytest.fixture
def own_registry(monkeypatch):
    """Changes to the registry end with the test."""
    dmft.models()
    monkeypatch.setattr(registry, "_models", dict(registry._models))


def test_every_model_is_complete():
    for slug, model in dmft.models().items():
        assert model.slug == slug
        assert model.title
        assert model.references
        assert not model.title.endswith(".")
        names = [item.name for item in model.observables]
        assert len(set(names)) == len(names)
        assert all(item.doc for item in (*model.declared(), *model.method.declared()))
        assert all(item.symbol for item in model.observables)
        made = model()
        assert model.from_dict(made.as_dict()) == made
        assert made.estimate(model.method())["memory"] >= 0.0
        assert hash(made) == hash(model())


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
