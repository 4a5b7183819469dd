"""The public iterator: checks, blocks of members, threads, interrupts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...errors import ParameterError
from ...results.progress import SILENT, Progress
from ...results.status import CONVERGED, DIVERGED, INTERRUPTED, Status
from ..memory import check_memory
from ..threads import in_threads
from . import callbacks, kernels

Array = np.ndarray
#: Members that are iterated side by side: enough for vector registers, few enough for the first cache.
LANES = 64


@dataclass(frozen=True)
class Orbits:
    """What became of the members.

    Attributes
    ----------
    at : ndarray (T,) of int
        Steps at which states were kept.
    y : ndarray (members, T, n)
        NaN where a member did not get there.
    y_end : ndarray (members, n)
        The last states.
    done : ndarray (members,) of int
        Steps that were done.
    event_counts : ndarray (members, kinds) of int
        Events, also those that were not kept.
    when : ndarray (members, kinds, keep)
        Steps after which the sign had changed, in order; NaN where there are fewer.
    where : ndarray (members, kinds, keep, n)
        The states then.
    status : Status
    """

    at: Array
    y: Array
    y_end: Array
    done: Array
    event_counts: Array
    when: Array
    where: Array
    status: Status


def iterate(
    step: Any,
    y0: ArrayLike,
    steps: int,
    *,
    parameters: ArrayLike | None = None,
    at: ArrayLike | None = None,
    events: Any = None,
    direction: Sequence[float] = (),
    keep_events: int = 16,
    divergence: float = 1e200,
    progress: Progress = SILENT,
) -> Orbits:
    """Iterate x' = G(x) from every start.

    Parameters
    ----------
    step : callback or function
        See :func:`dmft.solvers.map.callbacks.step`.
    y0 : array_like, (n,) or (members, n)
        Starts.
    steps : int
        Number of steps.
    parameters : array_like, (p,) or (members, p), optional
        Numbers of each member.
    at : array_like of int, optional
        Steps before which states are kept, increasing. Default: the end.
    events : callback or function, optional
        See :func:`dmft.solvers.map.callbacks.event`.
    direction : sequence of float
        For each event function: +1 for zeros upwards, −1 downwards, 0 both.
    keep_events : int
        Events of each function whose step and state are kept.
    divergence : float
        A number of a state beyond it (or NaN) means that the member has diverged.

    Returns
    -------
    Orbits

    Raises
    ------
    ParameterError, MemoryLimitError

    Notes
    -----
    Blocks of 64 members are shared among threads; every member has the same bits in any block.

    Examples
    --------
    >>> from dmft.solvers.map.solve import iterate
    >>> def halve(y, parameters): y[0] *= 0.5
    >>> iterate(halve, [[8.0], [4.0]], 3).y_end.ravel().tolist()
    [1.0, 0.5]
    """
    starts, rows = _matrix("y0", y0), _matrix("parameters", np.zeros((1, 0)) if parameters is None else parameters)
    members, n = max(len(starts), len(rows)), starts.shape[1]
    for name, array in (("y0", starts), ("parameters", rows)):
        if len(array) not in (1, members):
            raise ParameterError(f"{name} has {len(array)} rows, but there are {members} members: give 1 or {members}")
    times = np.atleast_1d(np.asarray([steps] if at is None else at, dtype=np.int64))
    if steps < 0 or times.ndim != 1 or (np.diff(times) <= 0).any() or (times < 0).any() or (times > steps).any():
        raise ParameterError(f"at is not allowed: give increasing steps between 0 and steps = {steps}")
    kinds, keep = (len(direction), keep_events) if events is not None else (0, 0)
    needed = 8.0 * members * (n * (2.0 * len(times) + 4.0) + 2.0 * kinds * keep * (n + 1.0))
    check_memory(needed, "try fewer members, fewer times or fewer events to keep")
    lanes = min(LANES, members)
    blocks = -(-members // lanes)
    # the last block repeats the last member: a lane without a member would divide by zero
    index = np.minimum(np.arange(blocks * lanes), members - 1).reshape(blocks, lanes)
    y = np.ascontiguousarray(np.broadcast_to(starts, (members, n))[index].swapaxes(1, 2))
    own = np.ascontiguousarray(np.broadcast_to(rows, (members, rows.shape[1]))[index].swapaxes(1, 2))
    path = np.full((blocks, len(times), n, lanes), np.nan)
    saved = np.zeros((blocks, 2), dtype=np.int64)
    counted = np.zeros((blocks, kinds, lanes), dtype=np.int64)
    when, where = np.full((blocks, kinds, keep, lanes), np.nan), np.full((blocks, kinds, keep, n, lanes), np.nan)
    call = (
        callbacks.step(step), callbacks.event(callbacks.no_event if events is None else events), kinds,
        np.asarray(direction, dtype=np.float64), int(steps), times,
    )  # fmt: skip

    def part(first: int, last: int, stop: Array) -> None:
        for b in range(first, last):
            kernels.iterate_block(*call, stop, y[b], own[b], path[b], saved[b], counted[b], when[b], where[b])

    in_threads(part, blocks, progress, "map")

    def by_member(array: Array) -> Array:
        return np.moveaxis(array, -1, 1).reshape(blocks * lanes, *array.shape[1:-1])[:members]

    with np.errstate(invalid="ignore"):
        path[~(np.abs(path) <= divergence).all(axis=2, keepdims=True).repeat(n, axis=2)] = np.nan
    done = np.repeat(saved[:, 1], lanes)[:members]
    return Orbits(
        times, by_member(path), by_member(y), done, by_member(counted), by_member(when), by_member(where),
        _outcome(by_member(y), done, steps, divergence),
    )  # fmt: skip


def _outcome(ends: Array, done: Array, steps: int, divergence: float) -> Status:
    bad = ~np.all(np.abs(ends) <= divergence, axis=1)
    if bad.any():
        message = f"{int(bad.sum())} of {len(ends)} orbits left the range of numbers before step {steps}"
        return Status(DIVERGED, f"{message}; what was kept before that is good")
    if done.min() < steps:
        return Status(INTERRUPTED, f"interrupted after {int(done.min())} of {steps} steps; run again for the rest")
    return Status(CONVERGED, f"all {steps} steps done from {len(ends)} starts")


def _matrix(name: str, values: ArrayLike) -> Array:
    array = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if array.ndim != 2 or array.shape[0] == 0 or not np.all(np.isfinite(array)):
        raise ParameterError(f"{name} of shape {array.shape} is not allowed: give finite numbers, (n,) or (members, n)")
    return array
