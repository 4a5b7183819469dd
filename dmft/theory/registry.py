"""The registry of slugs: built-in models found by file, a user's own through entry points ``dmft.models``."""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from importlib.metadata import entry_points
from typing import TypeVar

from ..errors import DMFTError, ParameterError, UnknownNameError
from .base import Model

DEFAULT_SLUG = "sgd"
_models: dict[str, type[Model]] = {}
_complete = False
M = TypeVar("M", bound=type[Model])


def register(cls: M) -> M:
    """Class decorator that makes a model known under its slug."""
    known = {item.name for item in cls.observables}
    for panel in cls.figure:
        if panel.y not in known or not {guide.name for guide in panel.guides} <= known:
            raise DMFTError(f"{cls.slug!r} has no such observables, but a panel of its figure: {panel}")
    other = _models.get(cls.slug)
    if other is not None and other.__module__ != cls.__module__:
        raise DMFTError(f"two models are called {cls.slug!r}: {other.__module__} and {cls.__module__}")
    _models[cls.slug] = cls
    return cls


def models() -> dict[str, type[Model]]:
    """All known models by slug: families in alphabetical order, each followed by its variants."""
    global _complete
    if not _complete:
        from .. import theory

        for module in pkgutil.iter_modules(theory.__path__):
            importlib.import_module(f"{theory.__name__}.{module.name}")
        for entry in entry_points(group="dmft.models"):
            try:
                entry.load()  # importing the module runs its @register
            except Exception as error:  # a broken plug-in must not take the others down
                warnings.warn(f"model plug-in {entry.name!r} could not be loaded: {error}", stacklevel=2)
        _complete = True
    return dict(sorted(_models.items()))


def find(slug: str) -> type[Model]:
    """The model class of a slug.

    Raises
    ------
    UnknownNameError
        If there is none; the nearest slug is suggested.
    """
    known = models()
    if not isinstance(slug, str):
        raise ParameterError(f"model = {slug!r} is not allowed: give a slug such as 'sgd', or an instance of a model")
    if slug not in known:
        raise UnknownNameError("model", slug, known)
    return known[slug]
