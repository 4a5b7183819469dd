"""Data by name: the digits, or a user's file."""

from __future__ import annotations

from functools import cache

from .dataset import Dataset
from .digits import digits
from .files import read_dataset


@cache
def _digits() -> Dataset:
    return digits()


def choose(name: str) -> Dataset:
    """``digits``, or what :func:`.files.read_dataset` finds at that path.

    Raises
    ------
    ParameterError
    """
    return _digits() if name == "digits" else read_dataset(name)
