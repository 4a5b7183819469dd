"""Who calculates the points of a sweep, with how many processes, and which part of them."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Sequence
from typing import Protocol

from ..errors import ParameterError
from .local import LocalPool, Outcome
from .plan import Point


class Executor(Protocol):
    """Calculates points wherever it likes; :mod:`dmft.sweeps.local` and :mod:`dmft.sweeps.cluster` have one each."""

    def __call__(self, points: Sequence[Point]) -> Generator[tuple[Point, Outcome]]:
        """Yield each point with its outcome as soon as it is finished."""

    def close(self) -> None:
        """Free processes and connections."""


def make_executor(jobs: int | None, dask: str | None) -> Executor:
    """Local processes or Dask.

    Raises
    ------
    ParameterError
        If the number of jobs is not allowed.
    """
    number = job_count(jobs)
    if dask is None:
        return LocalPool(number)
    from .cluster import DaskPool

    return DaskPool(dask, number)


def job_count(jobs: int | None) -> int:
    """The number of local processes: what is given, or the cores that this process may use.

    Raises
    ------
    ParameterError
        If the number is not allowed.
    """
    if jobs is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if isinstance(jobs, bool) or not isinstance(jobs, int) or not 1 <= jobs <= 4096:
        raise ParameterError(f"jobs = {jobs!r} is not allowed: give the number of worker processes, 1 to 4096")
    return jobs


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """Part and number of parts from ``"i/n"``."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", str(text).strip())
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise ParameterError(f"shard = {text!r} is not allowed: give i/n with 1 <= i <= n, e.g. 3/10")
    return int(match[1]), int(match[2])
