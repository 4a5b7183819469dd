"""Recipes of all models, and the choice among them by name."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

from ..errors import DMFTError, ParameterError, UnknownNameError
from ..theory.recipe import Recipe
from ..theory.registry import models

HOWTO = "give its model a module of recipes (documentation, 'Reproduce')"


def recipes() -> dict[str, Recipe]:
    """All recipes by id, in the order of ``dmft models``; those of a model in the order of their file.

    Raises
    ------
    DMFTError
        If two have the same id, or one is about a model that does not exist.
    """
    known = models()
    found: dict[str, Recipe] = {}
    for name in dict.fromkeys(cls.recipes_module() for cls in known.values()):
        for recipe in _load(name):
            if recipe.id in found:
                raise DMFTError(f"two recipes are called {recipe.id}: give one another name")
            unknown = {recipe.slug, *(task.slug for task in recipe.tasks)} - set(known)
            if unknown:
                raise DMFTError(f"recipe {recipe.id} is about {', '.join(sorted(unknown))}: there is no such model")
            found[recipe.id] = recipe
    order = {slug: number for number, slug in enumerate(known)}
    return dict(sorted(found.items(), key=lambda pair: order[pair[1].slug]))


def _load(name: str) -> Sequence[Recipe]:
    try:
        module: Any = import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            return ()
        raise
    except DMFTError as error:  # a broken plug-in must not take the others down
        if name.startswith(__name__.partition(".")[0] + "."):
            raise
        warnings.warn(f"recipes in {name} could not be loaded: {error}", stacklevel=2)
        return ()
    found: Sequence[Recipe] = module.RECIPES
    return found


def select(names: Iterable[str], known: dict[str, Recipe] | None = None) -> list[Recipe]:
    """Recipes by name: a family (with all its variants), a slug with a variant, or the id of one recipe; none: all.

    Raises
    ------
    UnknownNameError
        If there is no such name; the nearest is suggested.
    ParameterError
        If a model has no recipes.
    """
    known = recipes() if known is None else known
    wanted = list(names)
    if not wanted:
        return list(known.values())
    chosen: dict[str, Recipe] = {}
    for name in wanted:
        mine = {key: item for key, item in known.items() if name in (item.family, item.slug, key)}
        if not mine:
            slugs = {*models(), *(slug.partition("/")[0] for slug in models())}
            if name in slugs:
                raise ParameterError(f"{name} has no recipes to reproduce: {HOWTO}")
            raise UnknownNameError("model or recipe", str(name), known if ":" in str(name) else slugs)
        chosen |= mine
    return [item for key, item in known.items() if key in chosen]
