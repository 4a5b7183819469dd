"""The public integrator: checks, threads, interrupts and the second pass for dense output."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...errors import ParameterError
from ...results.progress import SILENT, Progress
from ..memory import check_memory
from ..threads import in_threads
from . import callbacks, kernels
from .tableaus import RODAS5P
from .trajectories import Interpolant, Trajectories

Array = np.ndarray
#: Tables and the order of the error estimate plus one; the explicit method has no table.
METHODS: dict[str, Any] = {"dormand_prince": None, "rosenbrock": RODAS5P}
_NO_TABLE = (0.0, np.zeros(0), np.zeros(0), np.zeros((0, 0)), np.zeros((0, 0)), np.zeros((0, 0)))


def integrate(
    right_side: Any,
    t_span: tuple[ArrayLike, ArrayLike],
    y0: ArrayLike,
    *,
    parameters: ArrayLike | None = None,
    data: ArrayLike | None = None,
    method: str = "dormand_prince",
    t_eval: ArrayLike | None = None,
    jacobian: Any = None,
    events: Any = None,
    terminal: Sequence[int] = (),
    direction: Sequence[float] = (),
    keep_events: int = 16,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    first_step: float | None = None,
    max_step: float = np.inf,
    max_steps: int = 100_000,
    fixed_step: float | None = None,
    dense_output: bool = False,
    divergence: float = 1e100,
    progress: Progress = SILENT,
) -> Trajectories:
    """Integrate dy/dt = f(t, y) for every member of an ensemble, each with its own step.

    Parameters
    ----------
    right_side : callback or function
        ``f(t, y, parameters, data, out)``: see :func:`dmft.solvers.flow.callbacks.right_side`.
    t_span : (float, float) or a pair of array_like, (members,)
        Start and end, the same for all or for each; the end may be before the start.
    y0 : array_like, (n,) or (members, n)
        Starts.
    parameters : array_like, (p,) or (members, p), optional
        Numbers of each member.
    data : array_like, optional
        Numbers that all members share; handed over as one flat array.
    method : {'dormand_prince', 'rosenbrock'}
        ``dormand_prince``: explicit, order 5(4). ``rosenbrock``: Rodas5P, L-stable, order 5(4), for stiff flows.
    t_eval : array_like, (times,), optional
        Times at which states are wanted, in the order of the span and within it (where each member has a span of its
        own: in any of them; a member has NaN at times before its start). Default: the end.
    jacobian : callback or function, optional
        ``f(t, y, parameters, data, out)`` with ``out[i, j] = ∂f_i/∂y_j``; without it forward differences are taken.
    events : callback or function, optional
        Writes the functions whose zeros are events, as many as `terminal` or `direction` has entries.
    terminal : sequence of int
        For each event function: 0 to go on, k to end the run at its k-th zero.
    direction : sequence of float
        Positive: only zeros where the function grows; negative: where it falls; 0 (default): both.
    keep_events : int
        Zeros of each function whose time and state are kept.
    rtol, atol : float
        Tolerances of a step, above 0.
    first_step, max_step, max_steps : optional
        As in ``solve_ivp``; `max_steps` counts rejected steps as well.
    fixed_step : float, optional
        Step of this size without error control (to measure orders).
    dense_output : bool
        Keep interpolants of order 4 in ``sol``: every member is integrated twice, first to count its steps.
    divergence : float
        A component beyond it ends the member.
    progress : Progress
        Receives the number of members that are done.

    Returns
    -------
    Trajectories

    Raises
    ------
    ParameterError
        If a value is not allowed.
    MemoryLimitError

    Notes
    -----
    A step costs 6 evaluations (``dormand_prince``), or 7, one Jacobian and one LU factorisation (``rosenbrock``).
    Members are shared among threads; the result has the same bits for any number of them. Ctrl-C ends all members where
    they are, with status −4. Like every solver that looks for a change of sign, it misses two zeros of one event
    function within one step: bound `max_step` if that can happen.

    References
    ----------
    J. R. Dormand, P. J. Prince, J. Comput. Appl. Math. 6, 19 (1980). G. Steinebach, BIT Numer. Math. 63, 27 (2023).
    E. Hairer, S. P. Nørsett, G. Wanner, Solving Ordinary Differential Equations I and II.

    Examples
    --------
    >>> import numpy as np
    >>> from dmft.solvers.flow.solve import integrate
    >>> def decay(t, y, parameters, data, out): out[0] = -parameters[0] * y[0]
    >>> flows = integrate(decay, (0.0, 1.0), [1.0], parameters=[[1.0], [2.0]], rtol=1e-10, atol=1e-12)
    >>> np.allclose(flows.y_end[:, 0], np.exp([-1.0, -2.0]), rtol=1e-9)
    True
    """
    states, rows = _ensemble(y0, parameters)
    spans = _spans(t_span, len(states))
    times = np.array(np.unique(spans[:, 1]) if t_eval is None else t_eval, dtype=np.float64, ndmin=1)
    _check(spans, times, method, rtol, atol, first_step, max_step, max_steps, fixed_step)
    kinds = max(len(terminal), len(direction)) if events is not None else 0
    if events is not None and kinds == 0:
        raise ParameterError("terminal = () is not allowed with events: give one number per event function, 0 to go on")
    rule = _padded(terminal, kinds, np.int64), _padded(direction, kinds, np.float64)
    members, n = states.shape
    needed = 8.0 * members * (n * (len(times) + 2.0 + kinds * keep_events) + 2.0 * kinds * keep_events + 12.0)
    check_memory(needed, "try fewer members, fewer times or fewer events to keep")
    controls = (float(rtol), float(atol), float(first_step or 0.0), float(max_step), float(fixed_step or 0.0))
    functions = _compiled(right_side, jacobian, events)
    call = (*functions, rule, *_rule_of_steps(method), controls, float(divergence), int(max_steps), spans)
    shared = np.zeros(0) if data is None else np.array(data, dtype=np.float64).ravel()
    room = (members, kinds, keep_events if kinds else 0)
    run = _Run(call, states, rows, shared, times, room)
    run.all(progress)
    sol: list[Interpolant] = []
    if dense_output:
        steps = run.counts[:, kernels.ACCEPTED].copy()
        check_memory(8.0 * 6.0 * n * float(steps.sum()), "try fewer members or a larger rtol")
        run = _Run(call, states, rows, shared, times, room, steps)
        run.all(progress)
        sol = run.interpolants()
    return run.trajectories(sol)


def _compiled(right_side: Any, jacobian: Any, events: Any) -> tuple[Any, ...]:
    """What the kernels call: right side, Jacobian, whether there is one, events."""
    return (
        callbacks.right_side(right_side),
        callbacks.jacobian(callbacks.no_jacobian if jacobian is None else jacobian),
        jacobian is not None,
        callbacks.event(callbacks.no_event if events is None else events),
    )


def _rule_of_steps(method: str) -> tuple[Any, float]:
    """Arrays of the table of a method, and the order of its error estimate plus one."""
    table = METHODS[method]
    return (_NO_TABLE, 5.0) if table is None else (table.arrays(), float(table.order))


class _Run:
    """Arrays that the kernels fill, and the threads that call them."""

    def __init__(
        self, call: tuple[Any, ...], states: Array, parameters: Array, data: Array, times: Array,
        room: tuple[int, int, int], steps: Array | None = None,
    ) -> None:  # fmt: skip
        members, n = states.shape
        self.call, self.parameters, self.data, self.times = call, parameters, data, times
        self.states, self.ends = states.copy(), np.zeros(members)
        self.paths = np.full((members, len(times), n), np.nan)
        self.counts = np.zeros((members, kernels.COUNTS), dtype=np.int64)
        self.counts[:, kernels.STATUS] = kernels.STOPPED  # until a kernel says better
        self.counted = np.zeros(room[:2], dtype=np.int64)
        self.when, self.where = np.full(room, np.nan), np.full((*room, n), np.nan)
        self.offsets = np.zeros(members + 1, dtype=np.int64)
        if steps is not None:
            self.offsets[1:] = np.cumsum(steps)
        self.starts = np.zeros(self.offsets[-1] + members)
        self.pieces = np.zeros((self.offsets[-1], 5, n))

    def part(self, first: int, last: int, stop: Array) -> None:
        kernels.integrate_members(
            first, last, *self.call, stop, self.states, self.parameters, self.data, self.times, self.paths,
            self.counts, self.counted, self.when, self.where, self.ends, self.offsets, self.starts, self.pieces,
        )  # fmt: skip

    def all(self, progress: Progress) -> None:
        """All members; after Ctrl-C those that are left keep the status of an interrupt."""
        in_threads(self.part, len(self.states), progress, "flows")

    def interpolants(self) -> list[Interpolant]:
        made = []
        for m, (begin, end) in enumerate(itertools.pairwise(self.offsets)):
            made.append(Interpolant(self.starts[begin + m : end + m + 1], self.pieces[begin:end]))
        return made

    def trajectories(self, sol: list[Interpolant]) -> Trajectories:
        return Trajectories(
            t=self.times, y=self.paths, saved=self.counts[:, kernels.SAVED], t_end=self.ends, y_end=self.states,
            status=self.counts[:, kernels.STATUS], nfev=self.counts[:, kernels.NFEV],
            njev=self.counts[:, kernels.NJEV], nlu=self.counts[:, kernels.NLU],
            accepted=self.counts[:, kernels.ACCEPTED], rejected=self.counts[:, kernels.REJECTED],
            event_counts=self.counted, t_events=self.when, y_events=self.where, sol=sol,
        )  # fmt: skip


def _ensemble(y0: ArrayLike, parameters: ArrayLike | None) -> tuple[Array, Array]:
    """Starts (members, n) and parameters (members, p), one of them repeated if there is only one."""
    states = np.atleast_2d(np.asarray(y0, dtype=np.float64))
    rows = np.zeros((1, 0)) if parameters is None else np.atleast_2d(np.asarray(parameters, dtype=np.float64))
    for name, array in (("y0", states), ("parameters", rows)):
        if array.ndim != 2 or not np.all(np.isfinite(array)):
            raise ParameterError(
                f"{name} of shape {array.shape} is not allowed: give finite numbers, (n,) or (members, n)"
            )
    if states.shape[1] == 0 or states.shape[0] == 0:
        raise ParameterError(f"y0 of shape {states.shape} is empty: give at least one number")
    members = max(len(states), len(rows))
    for name, array in (("y0", states), ("parameters", rows)):
        if len(array) not in (1, members):
            raise ParameterError(f"{name} has {len(array)} rows, but there are {members} members: give 1 or {members}")
    return (
        np.array(np.broadcast_to(states, (members, states.shape[1])), order="C"),  # copies: a callback wants its own
        np.array(np.broadcast_to(rows, (members, rows.shape[1])), order="C"),
    )


def _padded(values: Sequence[float], length: int, dtype: Any) -> Array:
    if len(values) not in (0, length):
        raise ParameterError(f"terminal and direction need one number per event function, got {len(values)}")
    return np.array(values if len(values) else np.zeros(length), dtype=dtype)


def _spans(t_span: tuple[ArrayLike, ArrayLike], members: int) -> Array:
    """Start and end of each member, shape (members, 2)."""
    ends = [np.asarray(end, dtype=np.float64) for end in t_span]
    if len(ends) != 2 or any(end.shape not in ((), (members,)) or not np.all(np.isfinite(end)) for end in ends):
        raise ParameterError(f"t_span = {t_span} is not allowed: give two finite times, or one pair for each member")
    return np.stack([np.broadcast_to(end, (members,)) for end in ends], axis=1)


def _check(
    spans: Array, times: Array, method: str, rtol: float, atol: float, first_step: float | None, max_step: float,
    max_steps: int, fixed_step: float | None,
) -> None:  # fmt: skip
    """Refuse what has no meaning, one line each."""
    if method not in METHODS:
        raise ParameterError(f"method = {method!r} is not allowed: give one of {', '.join(METHODS)}")
    named = {"rtol": rtol, "atol": atol, "first_step": first_step, "max_step": max_step, "fixed_step": fixed_step}
    for name, value in named.items():
        if value is not None and not value > 0.0:
            raise ParameterError(f"{name} = {value!r} is not allowed: give a number above 0")
    if max_steps < 1:
        raise ParameterError(f"max_steps = {max_steps!r} is not allowed: give an integer of 1 or more")
    signs = np.sign(spans[:, 1] - spans[:, 0])
    if signs.min() < 0.0 < signs.max():
        raise ParameterError("t_span is not allowed: some members run forward and others backward, split them")
    low, high = spans.min(), spans.max()
    ordered = times.ndim == 1 and np.all(signs[np.argmax(np.abs(signs))] * np.diff(times) >= 0.0)
    if not ordered or not np.all((times >= low) & (times <= high)):
        raise ParameterError(f"t_eval is not allowed: give times between {low:g} and {high:g} in the order of t_span")
