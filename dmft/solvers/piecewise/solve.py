"""Gradient flows of one ReLU neuron with the square loss, all starts at once, exact to round-off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ...errors import ParameterError
from ...results.progress import SILENT, Progress
from ...results.status import CONVERGED, INTERRUPTED, NOT_CONVERGED, Status
from ..memory import check_memory
from ..threads import in_threads
from . import kernels

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Flows:
    """Exact flows from all starts.

    Attributes
    ----------
    t : ndarray, (times,)
    w : ndarray, (starts, times, d)
        NaN after a flow that never ends its switches: see :attr:`saved`.
    active : ndarray of bool, (starts, times, n)
        The active set along the flow.
    limit : ndarray, (starts, d)
        w(∞); where the status is not 0, the last point.
    support : ndarray of bool, (starts, n)
        The active set at the end: the support vectors.
    switches, reactivations : ndarray of int, (starts,)
        Changes of the active set, and how many of them made a sample active that had been so before.
    switch_times, switch_samples : ndarray, (starts, kept)
        When they happened, NaN where there are fewer, and the samples, −1.
    last_switch : ndarray, (starts,)
        Time of the last of them.
    norm_increasing : ndarray of bool, (starts,)
        Whether ‖w‖ increased strictly over the whole flow (exact, not on a grid).
    status : ndarray of int, (starts,)
        0 converged, 1 switches that never end, 2 interrupted.
    saved : ndarray of int, (starts,)
        Times that a flow reached.
    """

    t: Array
    w: Array
    active: Array
    limit: Array
    support: Array
    switches: Array
    reactivations: Array
    switch_times: Array
    switch_samples: Array
    last_switch: Array
    norm_increasing: Array
    status: Array
    saved: Array

    def outcome(self) -> Status:
        """The status of a run that needs all flows."""
        count = len(self.status)
        if np.any(self.status == kernels.STOPPED):
            done = int(np.sum(self.status != kernels.STOPPED))
            return Status(INTERRUPTED, f"interrupted: {done} of {count} flows are complete; run again for the rest")
        endless = np.flatnonzero(self.status == kernels.ZENO)
        if len(endless):
            return Status(
                NOT_CONVERGED,
                f"in {len(endless)} of {count} flows the active set changes without end (the first at "
                f"t = {self.last_switch[endless[0]]:.6g}, sample {self.switch_samples[endless[0]].max()}): the flow "
                "slides along the edge of a cone, which negative labels allow; the data up to there are kept; try "
                "labels ≥ 0 or, if there are very many samples, a larger --max-switches",
            )
        return Status(CONVERGED, "exact: to round-off, without a step in time")


def flow_relu(
    rows: ArrayLike,
    labels: ArrayLike,
    starts: ArrayLike,
    *,
    t_eval: ArrayLike = (),
    edge_active: bool = False,
    keep_switches: int = 0,
    max_switches: int = 10_000,
    progress: Progress = SILENT,
) -> Flows:
    """Integrate dw/dt = −Σ_i (σ(x_i·w) − y_i) σ'(x_i·w) x_i from every start to t = ∞.

    Parameters
    ----------
    rows : array_like, (n, d) or (starts, n, d)
        Samples x_i, the same for all starts or for each its own.
    labels : array_like, (n,) or (starts, n)
        y_i.
    starts : array_like, (starts, d)
        w(0). From 0 a flow leaves along Σ y_i x_i.
    t_eval : array_like, (times,)
        Times ≥ 0, in order, at which w and the active set are wanted.
    edge_active : bool
        Whether σ'(0) = 1 at the start: samples with x_i·w = 0 count as active there.
    keep_switches : int
        Switching times that are kept of each flow.
    max_switches : int
        A flow with more of them, or with 4n + 5 at one moment, ends with status 1.
    progress : Progress
        Receives the number of flows that are done.

    Returns
    -------
    Flows

    Raises
    ------
    ParameterError
        If shapes do not fit, numbers are not finite, or a row is zero.
    MemoryLimitError

    Notes
    -----
    A cone costs about 30 n d² operations for the singular values and n d² for the pre-activations; only those that can
    change their sign (Laguerre's rule) are searched for zeros, in d² steps of about 15 evaluations each. Starts are
    shared among threads; the bits do not depend on how many.

    Examples
    --------
    >>> import numpy as np
    >>> from dmft.solvers.piecewise.solve import flow_relu
    >>> flows = flow_relu([[1.0, 0.0], [0.0, 2.0]], [1.0, 4.0], [[0.1, 0.1]])
    >>> np.round(flows.limit, 12).tolist()
    [[1.0, 2.0]]
    """
    x, y, w, times = _check(rows, labels, starts, t_eval)
    members, n, d = len(w), x.shape[1], x.shape[2]
    needed = members * (len(times) * (8.0 * d + n) + 16.0 * keep_switches + 8.0 * (2 * d + n + 8))
    check_memory(needed, "try fewer --starts")
    limit = w.copy()
    active = np.zeros((members, n), dtype=np.bool_)
    paths = np.full((members, len(times), d), np.nan)
    patterns = np.zeros((members, len(times), n), dtype=np.bool_)
    switch_times = np.full((members, keep_switches), np.nan)
    switch_samples = np.full((members, keep_switches), -1, dtype=np.int64)
    integers = np.zeros((members, kernels.INTEGERS), dtype=np.int64)
    integers[:, kernels.STATUS] = kernels.STOPPED  # until a kernel says better
    last_switch = np.zeros(members)

    def part(first: int, last: int, stop: Array) -> None:
        kernels.integrate_starts(
            first, last, x, y, limit, edge_active, max_switches, stop, times, active, paths, patterns, switch_times,
            switch_samples, integers, last_switch,
        )  # fmt: skip

    in_threads(part, members, progress, "flows")
    return Flows(
        t=times, w=paths, active=patterns, limit=limit, support=active, switches=integers[:, kernels.SWITCHES],
        reactivations=integers[:, kernels.REACTIVATIONS], switch_times=switch_times, switch_samples=switch_samples,
        last_switch=last_switch, norm_increasing=integers[:, kernels.INCREASING] > 0,
        status=integers[:, kernels.STATUS], saved=integers[:, kernels.SAVED],
    )  # fmt: skip


def _check(
    rows: ArrayLike, labels: ArrayLike, starts: ArrayLike, t_eval: ArrayLike
) -> tuple[Array, Array, Array, Array]:
    """Contiguous copies (1 or starts, n, d), (1 or starts, n), (starts, d), (times,) of what was given."""
    x, y = np.array(rows, dtype=np.float64), np.array(labels, dtype=np.float64)
    w, times = np.array(starts, dtype=np.float64, ndmin=2), np.array(t_eval, dtype=np.float64)
    if x.ndim not in (2, 3) or 0 in x.shape:
        raise ParameterError(f"data of shape {x.shape} are not allowed: give n ≥ 1 samples of d ≥ 1 numbers, (n, d)")
    if y.shape != x.shape[:-1]:
        raise ParameterError(f"labels of shape {y.shape} do not fit to data of shape {x.shape}: give one per sample")
    if w.ndim != 2 or w.shape[1] != x.shape[-1] or (x.ndim == 3 and len(w) != len(x)):
        raise ParameterError(f"starts of shape {w.shape} do not fit to data of shape {x.shape}: give (starts, d)")
    for name, array in (("data", x), ("labels", y), ("starts", w), ("t_eval", times)):
        if not np.all(np.isfinite(array)):
            raise ParameterError(f"{name} hold a number that is not finite: remove or replace it")
    zero = np.flatnonzero(~np.any(x, axis=-1).reshape(-1))
    if len(zero):
        raise ParameterError(f"sample {zero[0] % x.shape[-2]} of the data is zero: no weight acts on it, remove it")
    if times.ndim != 1 or np.any(times < 0.0) or np.any(np.diff(times) < 0.0):
        raise ParameterError("t_eval is not allowed: give times of 0 or more, in order")
    shape = x.shape if x.ndim == 3 else (1, *x.shape)
    return x.reshape(shape), y.reshape(shape[:-1]), w, times
