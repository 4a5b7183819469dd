"""Every error a user can meet. One line each: what was given, what is allowed, what to try."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DMFTError(Exception):
    """Base of all errors raised on purpose by this package."""

    exit_code = 1


class ParameterError(DMFTError, ValueError):
    """A parameter or option has a value that the equations do not allow."""

    exit_code = 2


class UnknownNameError(DMFTError, KeyError):
    """A model, parameter, option or observable of that name does not exist."""

    exit_code = 2

    def __init__(self, what: str, given: str, known: Iterable[str]) -> None:
        known = sorted(known)
        lower = {name.lower(): name for name in known}
        near = difflib.get_close_matches(given.lower(), lower, n=1, cutoff=0.5)
        hint = f"did you mean {lower[near[0]]!r}? " if near else ""
        super().__init__(f"unknown {what} {given!r}: {hint}known are {', '.join(known)}")

    __str__ = Exception.__str__  # that of KeyError adds quotes


class ModelWarning(UserWarning):
    """Parameters that are allowed but probably not what is meant."""


class MemoryLimitError(DMFTError, MemoryError):
    """The calculation would not fit into this machine's memory."""

    exit_code = 2


class OutputError(DMFTError, OSError):
    """A result could not be written; whatever stood there before is untouched."""


class FileFormatError(DMFTError, OSError):
    """A file cannot be read as a result of this package."""


class BackendError(DMFTError, RuntimeError):
    """The array backend asked for is not usable on this machine."""


class WorkerError(DMFTError, RuntimeError):
    """The processes or the cluster that a sweep needs cannot be used."""


class StoreError(DMFTError, RuntimeError):
    """The folder with the points of a sweep belongs to another sweep, or one is at work on it."""

    exit_code = 2
