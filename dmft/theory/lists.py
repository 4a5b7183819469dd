"""Parameters that are lists: text with commas, such as ``32,16,8``, or a sequence in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import ParameterError, UnknownNameError

Array = np.ndarray


def is_sequence(value: Any) -> bool:
    """True for a list or a tuple, which :func:`joined` makes a text of."""
    return isinstance(value, Sequence) and not isinstance(value, str)


def joined(value: Any) -> str:
    """A sequence as text with commas; a text as it is."""
    return ",".join(map(str, value)) if is_sequence(value) else str(value)


def numbers(
    name: str, text: str, wanted: str, *, whole: bool = False, good: Callable[[Array], bool] | None = None
) -> Array:
    """The numbers of a text with commas.

    Parameters
    ----------
    name, wanted : str
        Parameter and what is allowed, for the message.
    whole : bool
        Whole numbers only, as integers.
    good : callable, optional
        A condition on all of them.

    Raises
    ------
    ParameterError
        If a word is no (finite) number, or they are not `good`.
    """
    try:
        values = np.array([float(word) for word in text.split(",")])
    except ValueError:
        values = np.array([np.nan])
    fine = bool(np.all(np.abs(values) < (2.0**53 if whole else np.inf)))  # False for NaN
    if fine and whole:
        fine = bool(np.all(values == np.floor(values)))
    if not fine or (good is not None and not good(values)):
        raise ParameterError(f"{name} = {text!r} is not allowed: give {wanted}")
    return values.astype(int) if whole else values


def names(name: str, text: str, known: Iterable[str]) -> tuple[str, ...]:
    """The words of a text with commas, each once.

    Raises
    ------
    ParameterError
        If one is not among `known`; the nearest of them is suggested.
    """
    found, allowed = tuple(dict.fromkeys(word.strip() for word in text.split(","))), tuple(known)
    for word in found:
        if word not in allowed:
            raise ParameterError(f"{name} = {text!r}: {UnknownNameError('one', word, allowed)}")
    return found
