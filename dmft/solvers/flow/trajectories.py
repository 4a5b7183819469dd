"""What the integrator returns: states at the times asked for, events, dense output, and how each member ended."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...results.status import CONVERGED, DIVERGED, INTERRUPTED, NOT_CONVERGED, Status

Array = np.ndarray
#: What the codes of :attr:`Trajectories.status` mean: 0 and above is success, as in scipy's ``solve_ivp``.
MESSAGES = {
    0: "the end of the time span was reached",
    1: "a terminal event occurred",
    -1: "the step became as small as round-off: the solution is singular, or stiff: try method rosenbrock",
    -2: "the state left the range of numbers: the data up to there are kept",
    -3: "too many steps: try a larger max_steps, a larger rtol, or method rosenbrock if the flow is stiff",
    -4: "interrupted",
}
_CODES = {-1: NOT_CONVERGED, -2: DIVERGED, -3: NOT_CONVERGED, -4: INTERRUPTED}


@dataclass(frozen=True, eq=False)
class Interpolant:
    """Dense output of one member: call it with times within its span.

    Attributes
    ----------
    t : ndarray, (steps + 1,)
        Ends of the steps.
    pieces : ndarray, (steps, 5, n)
        Polynomials in the part θ of a step, constant term first.
    """

    t: Array
    pieces: Array

    def __call__(self, times: Array | float) -> Array:
        """States at `times`, shape (n,) for one time or (times, n)."""
        flat = np.atleast_1d(np.asarray(times, dtype=np.float64))
        forward = self.t[-1] >= self.t[0]
        grid = self.t if forward else -self.t
        where = np.searchsorted(grid, flat if forward else -flat, side="right") - 1
        where = np.clip(where, 0, len(self.pieces) - 1)
        theta = ((flat - self.t[where]) / (self.t[where + 1] - self.t[where]))[:, None]
        coefficients = self.pieces[where]
        out = coefficients[:, 4]
        for j in (3, 2, 1, 0):
            out = coefficients[:, j] + theta * out
        return out if np.ndim(times) else out[0]


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Flows of all members, in the vocabulary of scipy's ``solve_ivp`` with an axis of members in front.

    Attributes
    ----------
    t : ndarray, (times,)
        The times asked for (``t_eval``).
    y : ndarray, (members, times, n)
        NaN after the end of a member that did not get so far: see :attr:`saved`.
    saved : ndarray of int, (members,)
        Times that a member reached.
    t_end, y_end : ndarray, (members,), (members, n)
        Where each member ended, whatever ended it.
    status : ndarray of int, (members,)
        0 end of the span, 1 terminal event, below 0 failure: :data:`MESSAGES`.
    nfev, njev, nlu : ndarray of int, (members,)
        Evaluations of right side and Jacobian, factorisations.
    accepted, rejected : ndarray of int, (members,)
        Steps.
    event_counts : ndarray of int, (members, events)
        Zeros of each event function.
    t_events, y_events : ndarray, (members, events, kept), (members, events, kept, n)
        The first of them; NaN where there are fewer.
    sol : list of Interpolant
        Dense output of each member, if it was asked for.
    """

    t: Array
    y: Array
    saved: Array
    t_end: Array
    y_end: Array
    status: Array
    nfev: Array
    njev: Array
    nlu: Array
    accepted: Array
    rejected: Array
    event_counts: Array
    t_events: Array
    y_events: Array
    sol: list[Interpolant] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.status)

    @property
    def success(self) -> bool:
        """True if every member reached the end of its span or a terminal event."""
        return bool(np.all(self.status >= 0))

    @property
    def message(self) -> str:
        """How the members ended, in one sentence."""
        codes, counts = np.unique(self.status, return_counts=True)
        if len(codes) == 1:
            return MESSAGES[int(codes[0])]
        return "; ".join(
            f"{count} of {len(self)}: {MESSAGES[int(code)]}" for code, count in zip(codes, counts, strict=True)
        )

    def outcome(self) -> Status:
        """The status of a run that needs all members."""
        failed = [_CODES[int(code)] for code in np.unique(self.status) if code < 0]
        for code in (INTERRUPTED, DIVERGED, NOT_CONVERGED):
            if code in failed:
                reached = float(self.t_end[int(np.argmin(self.status >= 0))])
                return Status(code, f"{self.message} (the first to fail ended at t = {reached:.6g})")
        return Status(CONVERGED, self.message)
