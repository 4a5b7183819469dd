"""Fixed points ``x = G(x)`` of expensive maps, by Anderson's mixing of the last iterates.

Also known as Pulay mixing or DIIS. Of the last few iterates the combination is taken whose residual ``G(x) − x``,
linearly, is smallest; linear maps converge like GMRES. Walker and Ni, SIAM J. Numer. Anal. 49, 1715 (2011).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
#: Iterates that are combined.
DEPTH = 6
#: Singular values below this part of the largest are noise.
CUTOFF = 1e-8


class Anderson:
    """The next point to try, from the last ones.

    Parameters
    ----------
    mixing : float
        Part of the (combined) residual that is added to the (combined) point: plain mixing while there is no history.
    near : float
        Size of the residual above which iterates are not combined: far from a fixed point maps are not linear.
    """

    def __init__(self, mixing: float, near: float) -> None:
        self.mixing, self.near = mixing, near
        self.points: list[Array] = []
        self.residuals: list[Array] = []

    def next(self, point: Array, image: Array, weights: Array) -> Array:
        """The point after `point`, whose image is `image`; residuals are compared times `weights`.

        Cost: a least-squares problem of as many unknowns as there is history.
        """
        residual = image - point
        size = float(np.linalg.norm(residual * weights))
        if size > self.near:
            self.points, self.residuals = [], []
            return point + self.mixing * residual
        self.points = [*self.points[-DEPTH:], point]
        self.residuals = [*self.residuals[-DEPTH:], residual]
        step = self.mixing * residual
        if len(self.points) < 2:
            return point + step
        moves, changes = (np.diff(np.array(items), axis=0) for items in (self.points, self.residuals))
        share = np.linalg.lstsq((changes * weights).T, residual * weights, rcond=CUTOFF)[0]
        return point + step - share @ (moves + self.mixing * changes)


@dataclass(frozen=True)
class FixedPoint:
    """Where the iteration ended: the last point, the size of its residual ``G(x) − x``, and whether that is small."""

    point: Array
    residual: float
    iterations: int
    converged: bool


def find_fixed_point(
    image: Callable[[Array], Array],
    start: Array,
    *,
    tolerance: float = 1e-10,
    mixing: float = 0.5,
    near: float = 0.1,
    iterations: int = 2000,
) -> FixedPoint:
    """Iterate ``x = G(x)`` from `start`, damped by `mixing` far from the fixed point and by Anderson near it.

    Parameters
    ----------
    tolerance : float
        Largest residual, in each component relative to ``1 + |x|``.
    near : float
        See :class:`Anderson`, in the same units.

    Examples
    --------
    >>> import numpy as np
    >>> from dmft.solvers.fixed_point import find_fixed_point
    >>> round(float(find_fixed_point(np.cos, np.array([1.0])).point[0]), 9)
    0.739085133
    """
    point, mixer, residual = np.asarray(start, dtype=float), Anderson(mixing, near), np.inf
    for count in range(1, iterations + 1):
        moved = image(point)
        weights = 1.0 / (1.0 + np.abs(point))
        residual = float(np.abs((moved - point) * weights).max())
        if not np.isfinite(residual):
            return FixedPoint(point, residual, count, False)
        if residual < tolerance:
            return FixedPoint(point, residual, count, True)
        point = mixer.next(point, moved, weights)
    return FixedPoint(point, residual, iterations, False)


def newton_fixed_point(
    image: Callable[[Array], Array],
    start: Array,
    *,
    tolerance: float = 1e-9,
    iterations: int = 60,
    largest: float = 2.0,
    difference: float = 1e-6,
) -> FixedPoint:
    """Solve ``x = G(x)`` for few unknowns of order one (say, logarithms) by Newton's method.

    Where G hardly moves along some direction a small residual alone proves nothing: the step of Newton's method, which
    is the distance to the fixed point, must be small as well.

    Parameters
    ----------
    tolerance : float
        Largest residual, and largest change of an unknown in the last step; the larger one is that of the answer.
    largest : float
        Longer steps are shortened; those that do not reduce the residual are halved.
    difference : float
        Of the one-sided quotients that make the Jacobian.

    Notes
    -----
    n + 1 images in each of about five to ten iterations.

    Examples
    --------
    >>> import numpy as np
    >>> from dmft.solvers.fixed_point import newton_fixed_point
    >>> round(float(newton_fixed_point(np.cos, np.array([1.0])).point[0]), 9)
    0.739085133
    """
    point = np.asarray(start, dtype=float)
    residual, size = image(point) - point, np.inf
    shifts = difference * np.eye(len(point))
    for count in range(1, iterations + 1):
        changes = [(image(point + shift) - point - shift - residual) / difference for shift in shifts]
        jacobian = np.array(changes).T
        if not (np.isfinite(residual).all() and np.isfinite(jacobian).all()):
            return FixedPoint(point, np.inf, count, False)
        step = -np.linalg.lstsq(jacobian, residual, rcond=None)[0]
        length = float(np.abs(step).max())
        size = max(length, float(np.abs(residual).max()))
        if size < tolerance:
            return FixedPoint(point + step, size, count, True)
        point, residual = _descend(image, point, residual, step * min(1.0, largest / max(length, 1e-300)))
    return FixedPoint(point, size, iterations, False)


def _descend(image: Callable[[Array], Array], point: Array, residual: Array, step: Array) -> tuple[Array, Array]:
    """The point after `step`, halved until the residual is smaller; half a plain iteration if it never is."""
    norm, part = float(np.linalg.norm(residual)), 1.0
    while part > 0.01:
        there = point + part * step
        left = image(there) - there
        if float(np.linalg.norm(left)) < (1.0 - 1e-3 * part) * norm:
            return there, left
        part *= 0.5
    there = point + 0.5 * residual
    return there, image(there) - there
