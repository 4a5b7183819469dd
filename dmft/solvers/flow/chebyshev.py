"""Runge–Kutta–Chebyshev: explicit, order 2, stable over long steps for flows with real negative rates.

s stages are stable up to h ρ = 0.65 s² for spectral radius ρ, so a step that is n times too long for an ordinary
explicit method costs only sqrt(n) evaluations, without any Jacobian. Made for gradient flows to very long times, at
moderate tolerance; ``rosenbrock`` is the choice for small ones and for complex rates. Not ROCK2 or ROCK4, which have
other polynomials.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...results.progress import SILENT, Progress
from ..compiled import compiled
from ..memory import check_memory
from . import callbacks
from .kernels import ACCEPTED, DIVERGED, FINISHED, NFEV, REJECTED, SAVED, STATUS, STOPPED, TOO_MANY, TOO_SMALL
from .solve import _check, _ensemble, _Run, _spans
from .trajectories import Trajectories

Array = np.ndarray
#: Steps after which the spectral radius is estimated again, factor on the estimate, most stages of one step.
AGAIN, SAFE, MOST_STAGES = 25, 1.2, 2000


@compiled
def spectral_radius(field, t, y, parameters, data, slope, direction, work, image):
    """Largest rate, by the power method on differences of f; `direction` is where it starts and ends.

    Returns the radius and the number of evaluations.
    """
    n = y.shape[0]
    size = 0.0
    for i in range(n):
        size += y[i] * y[i]
    small = 1.5e-8 * (np.sqrt(size) + 1e-8)
    radius, last = 0.0, 0.0
    for count in range(1, 61):
        length = 0.0
        for i in range(n):
            length += direction[i] * direction[i]
        length = np.sqrt(length)
        for i in range(n):
            if length == 0.0:
                direction[i] = 1.0 / np.sqrt(n)
            else:
                direction[i] /= length
            work[i] = y[i] + small * direction[i]
        field(t, work, parameters, data, image)
        total = 0.0
        for i in range(n):
            direction[i] = (image[i] - slope[i]) / small
            total += direction[i] * direction[i]
        last, radius = radius, np.sqrt(total)
        if count > 2 and abs(radius - last) <= 0.01 * radius:
            return SAFE * radius, count
    return SAFE * radius, 60


@compiled
def step(field, t, h, stages, y, slope, parameters, data, older, newer, end, value):
    """One step with that many stages, from y to end: Sommeijer, Shampine & Verwer (1998), section 2."""
    n = y.shape[0]
    w0 = 1.0 + 2.0 / (13.0 * stages * stages)
    square = w0 * w0 - 1.0
    angle = stages * np.log(w0 + np.sqrt(square))
    w1 = np.sinh(angle) * square / (np.cosh(angle) * stages * np.sqrt(square) - w0 * np.sinh(angle))
    b1 = 1.0 / (2.0 * w0) ** 2
    b2 = b1
    weight = w1 * b1
    for i in range(n):
        older[i] = y[i]
        newer[i] = y[i] + h * weight * slope[i]
    theta2, theta1 = 0.0, weight
    z2, z1, dz2, dz1, ddz2, ddz1 = 1.0, w0, 0.0, 1.0, 0.0, 0.0
    for _ in range(2, stages + 1):
        z = 2.0 * w0 * z1 - z2
        dz = 2.0 * w0 * dz1 - dz2 + 2.0 * z1
        ddz = 2.0 * w0 * ddz1 - ddz2 + 4.0 * dz1
        b = ddz / (dz * dz)
        a = 1.0 - z1 * b1
        mu, nu = 2.0 * w0 * b / b1, -b / b2
        weight = mu * w1 / w0
        field(t + h * theta1, newer, parameters, data, value)
        for i in range(n):
            end[i] = mu * newer[i] + nu * older[i] + (1.0 - mu - nu) * y[i] + h * weight * (value[i] - a * slope[i])
        theta = mu * theta1 + nu * theta2 + weight * (1.0 - a)
        for i in range(n):
            older[i] = newer[i]
            newer[i] = end[i]
        theta2, theta1, b2, b1 = theta1, theta, b1, b
        z2, z1, dz2, dz1, ddz2, ddz1 = z1, z, dz1, dz, ddz1, ddz


@compiled
def error_norm(h, y, end, slope, value, rtol, atol):
    """Estimated error of a step in units of the tolerance."""
    total = 0.0
    for i in range(y.shape[0]):
        error = 0.8 * (y[i] - end[i]) + 0.4 * h * (slope[i] + value[i])
        total += (error / (atol + rtol * max(abs(y[i]), abs(end[i])))) ** 2
    return np.sqrt(total / y.shape[0])


@compiled
def save(t, y, times, path, due):
    """Keep the state at all times from number `due` on that are reached; the number of the next one."""
    while due < times.shape[0] and times[due] <= t:
        for i in range(y.shape[0]):
            path[due, i] = y[i]
        due += 1
    return due


@compiled
def relax_member(field, t, last, rtol, atol, bound, most, y, parameters, data, times, path, counts, stop, space):
    """One member from t to last; y is its state. Returns the status and the time reached."""
    n = y.shape[0]
    slope, older, newer, end, value, direction = space[0], space[1], space[2], space[3], space[4], space[5]
    field(t, y, parameters, data, slope)
    counts[NFEV] += 1
    for i in range(n):
        direction[i] = slope[i]
    radius, used = spectral_radius(field, t, y, parameters, data, slope, direction, older, value)
    counts[NFEV] += used
    h, since, due = 0.25 / max(radius, 1e-300), 0, save(t, y, times, path, 0)
    while t < last:
        if stop[0]:
            return STOPPED, t
        if counts[ACCEPTED] + counts[REJECTED] >= most:
            return TOO_MANY, t
        if since >= AGAIN:
            radius, used = spectral_radius(field, t, y, parameters, data, slope, direction, older, value)
            counts[NFEV] += used
            since = 0
        h = min(h, (MOST_STAGES**2 - 1.0) / (1.54 * max(radius, 1e-300)))
        target = times[due] if due < times.shape[0] else last
        wanted, reach = h, t + h >= target
        if reach:
            h = target - t
        if h <= 4.0 * np.spacing(t):
            return TOO_SMALL, t
        stages = max(2, 1 + int(np.sqrt(1.54 * h * radius + 1.0)))
        step(field, t, h, stages, y, slope, parameters, data, older, newer, end, value)
        field(t + h, end, parameters, data, value)
        counts[NFEV] += stages
        size = error_norm(h, y, end, slope, value, rtol, atol)
        since += 1
        if size <= 1.0:
            counts[ACCEPTED] += 1
            t = target if reach else t + h
            for i in range(n):
                if not abs(end[i]) < bound:
                    return DIVERGED, t
                y[i], slope[i] = end[i], value[i]
            due = save(t, y, times, path, due)
            counts[SAVED] = due
            grown = h * min(5.0, 0.8 / max(size, 1e-12) ** (1.0 / 3.0))
            h = max(grown, wanted) if reach else grown
        else:
            counts[REJECTED] += 1
            h *= max(0.1, 0.8 / size ** (1.0 / 3.0)) if size < np.inf else 0.1
            since = AGAIN  # the radius may have grown
    return FINISHED, t


@compiled
def relax_members(first, last, field, rtol, atol, bound, most, spans, stop, states, parameters, data, times, paths,
                  counts, ends):  # fmt: skip
    """Members first … last − 1, one after the other."""
    space = np.empty((6, states.shape[1]))
    for m in range(first, last):
        counts[m, STATUS], ends[m] = relax_member(
            field, spans[m, 0], spans[m, 1], rtol, atol, bound, most, states[m], parameters[m], data, times, paths[m],
            counts[m], stop, space,
        )  # fmt: skip


class _Relaxation(_Run):
    """The same arrays and threads, another kernel."""

    def part(self, first: int, last: int, stop: Array) -> None:
        relax_members(
            first, last, *self.call, stop, self.states, self.parameters, self.data, self.times, self.paths,
            self.counts, self.ends,
        )  # fmt: skip


def relax(
    right_side: Any,
    t_span: tuple[ArrayLike, ArrayLike],
    y0: ArrayLike,
    *,
    parameters: ArrayLike | None = None,
    data: ArrayLike | None = None,
    t_eval: ArrayLike | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    max_steps: int = 100_000,
    divergence: float = 1e100,
    progress: Progress = SILENT,
) -> Trajectories:
    """Integrate flows whose Jacobians have real negative eigenvalues, forward in time; steps end at all of `t_eval`.

    Parameters and returns are those of :func:`dmft.solvers.flow.solve.integrate`.

    Raises
    ------
    ParameterError
        If a value is not allowed.
    MemoryLimitError

    Notes
    -----
    A step of length h costs about sqrt(1.54 h ρ) evaluations. Bits do not depend on the number of threads.

    References
    ----------
    B. P. Sommeijer, L. F. Shampine, J. G. Verwer, RKC: an explicit solver for parabolic PDEs, J. Comput. Appl. Math.
    88, 315 (1998).

    Examples
    --------
    >>> import numpy as np
    >>> def decay(t, y, parameters, data, out): out[:] = -data * y
    >>> flows = relax(decay, (0.0, 1.0), [1.0, 1.0], data=[1.0, 1e4], rtol=1e-7)
    >>> np.allclose(flows.y_end, [[np.exp(-1.0), 0.0]], atol=1e-6), int(flows.nfev[0]) < 4000
    (True, True)
    """
    states, rows = _ensemble(y0, parameters)
    spans = _spans(t_span, len(states))
    times = np.array(np.unique(spans[:, 1]) if t_eval is None else t_eval, dtype=np.float64, ndmin=1)
    _check(spans, times, "dormand_prince", rtol, atol, None, np.inf, max_steps, None)
    check_memory(8.0 * states.size * (len(times) + 2.0), "try fewer members or fewer times")
    shared = np.zeros(0) if data is None else np.array(data, dtype=np.float64).ravel()
    call = (
        callbacks.right_side(right_side), float(rtol), float(atol), float(divergence), int(max_steps), spans
    )  # fmt: skip
    run = _Relaxation(call, states, rows, shared, times, (len(states), 0, 0))
    run.all(progress)
    return run.trajectories([])
