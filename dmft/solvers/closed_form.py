"""The method of models whose curves are known functions."""

from __future__ import annotations

from dataclasses import dataclass

from ..parameters import Declared


@dataclass(frozen=True)
class ClosedForm(Declared):
    """Options of a closed form: there are none."""
