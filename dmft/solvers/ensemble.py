"""Independent members of an ensemble in threads: marches of a solver, replicas of a simulation.

Every member owns its random numbers and is reduced in its own order, so the mean has the same bits for any
number of threads. The first Ctrl-C stops all members where they are and keeps what there is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np

from ..results.progress import Progress
from ..results.statistics import Moments
from ..results.status import CONVERGED, DIVERGED, INTERRUPTED, Status

Sample = dict[str, np.ndarray]


@dataclass(frozen=True)
class Member:
    """What one member measured.

    Attributes
    ----------
    sample : dict
        Arrays whose axes are times, of length `done`.
    series : dict
        Arrays whose first axis alone is time, of length `done`.
    at_end : dict
        Arrays without an axis of time, which belong to the end of this member's own run.
    """

    sample: Sample
    done: int
    diverged: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    at_end: Sample = field(default_factory=dict)
    series: Sample = field(default_factory=dict)


#: ``task(index, stop, update)``: run member `index` until the end or until ``stop()``; report by ``update(units)``.
Task = Callable[[int, Callable[[], bool], Callable[[float], None]], Member]
#: The same for several members that are run as one, e.g. stacked in one array.
GroupTask = Callable[[range, Callable[[], bool], Callable[[float], None]], list[Member]]


def threads() -> int:
    """Threads to use: ``NUMBA_NUM_THREADS`` or the number of cores."""
    return int(numba.config.NUMBA_NUM_THREADS)


def run_ensemble(
    task: Task, members: int, workers: int, steps: int, progress: Progress, label: str
) -> tuple[Moments, Status, list[dict[str, Any]]]:
    """Run all members, each on its own, and average them: see :func:`run_groups`."""

    def alone(indices: range, stop: Callable[[], bool], update: Callable[[float], None]) -> list[Member]:
        return [task(indices[0], stop, update)]

    return run_groups(alone, [range(i, i + 1) for i in range(members)], workers, steps, progress, label)


def run_groups(
    task: GroupTask, groups: Sequence[range], workers: int, steps: int, progress: Progress, label: str
) -> tuple[Moments, Status, list[dict[str, Any]]]:
    """Run all groups of members and average the members, in order.

    Returns
    -------
    moments : Moments
        Over the members that were kept, cut to one length.
    status : Status
        ``diverged`` if any member left the float range (all are cut to the shortest), ``interrupted``
        after Ctrl-C (complete members are kept; if there are fewer than two, all are cut to the shortest).
    facts : list of dict
        Of the members that were kept.
    """
    stop = threading.Event()
    members = sum(len(group) for group in groups)
    progress.start(label, float(members * (steps + 1)))

    def report(units: float) -> None:
        try:
            progress.update(units)
        except KeyboardInterrupt:  # from a progress report of the user's own: what is done is kept
            stop.set()

    def guarded(group: range) -> list[Member]:
        if stop.is_set():
            return []
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # divergence is found in the values
                return task(group, stop.is_set, report)
        except BaseException:  # whatever ends one member ends the others soon
            stop.set()
            raise

    futures: list[Future[list[Member]]] = []
    interrupted = False
    try:
        with ThreadPoolExecutor(max(1, min(workers, len(groups)))) as pool:
            try:
                for group in groups:
                    futures.append(pool.submit(guarded, group))
                wait(futures)
            except KeyboardInterrupt:
                interrupted = True
                stop.set()
            finished = [member for future in futures for member in future.result()]
    finally:
        progress.finish()
    kept, length, status = _select([member for member in finished if member.done or member.diverged], members, steps)
    if interrupted and status.success:  # too late for this ensemble, but not for what would come after it
        status = Status(INTERRUPTED, f"interrupted when all {members} independent runs were complete")
    moments = Moments()
    shared = _shared(kept)
    for member in kept:
        series = {name: values[:length] for name, values in member.series.items()}
        moments.add({**_cut(member.sample, length), **series, **{name: member.at_end[name] for name in shared}})
    return moments, status, [member.facts for member in kept]


def _select(finished: list[Member], members: int, steps: int) -> tuple[list[Member], int, Status]:
    """Which members enter the mean, how many times they share, and what to call that."""
    diverged = [member.done for member in finished if member.diverged]
    complete = [member for member in finished if member.done == steps + 1 and not member.diverged]
    if len(complete) == members:
        return complete, steps + 1, Status(CONVERGED, f"all {steps} steps done in {members} independent runs")
    if diverged:
        length = min(diverged)
        if length == 0:
            message = "loss or norm leave the float range at the start; try a smaller --m0 or --r0"
            return [], 0, Status(DIVERGED, message)
        kept = [member for member in finished if member.done >= length]
        message = (
            f"loss or norm left the float range after step {length - 1}: the data up to there are kept; "
            "try a smaller --learning-rate or a larger --ridge"
        )
        return kept, length, Status(DIVERGED, message)
    if len(complete) >= 2:
        message = f"interrupted: {len(complete)} of {members} independent runs are complete and kept"
        return complete, steps + 1, Status(INTERRUPTED, message)
    # the longest time that two members share (or one, if there is no other): late starters do not cut the others
    longest = sorted((member.done for member in finished), reverse=True)
    length = longest[min(1, len(longest) - 1)] if longest else 0
    message = f"interrupted after {length} of {steps + 1} times; run again for the rest"
    return [member for member in finished if member.done >= length], length, Status(INTERRUPTED, message)


def _cut(sample: Sample, length: int) -> Sample:
    """The first `length` times of every axis."""
    return {name: values[(slice(length),) * values.ndim] for name, values in sample.items()}


def _shared(members: list[Member]) -> list[str]:
    """Arrays of the end that all members have in one shape: after an interrupt their runs may differ in length."""
    shapes = [{name: np.shape(values) for name, values in member.at_end.items()} for member in members]
    return [name for name in (shapes[0] if shapes else ()) if all(item.get(name) == shapes[0][name] for item in shapes)]
