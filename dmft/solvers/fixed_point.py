"""Fixed points ``x = G(x)`` of expensive maps, by Anderson's mixing of the last iterates.

Also known as Pulay mixing or DIIS. Of the last few iterates the combination is taken whose residual ``G(x) − x``,
linearly, is smallest; linear maps converge like GMRES. Walker and Ni, SIAM J. Numer. Anal. 49, 1715 (2011).
"""

from __future__ import annotations

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
