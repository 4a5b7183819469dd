"""Expansion of a Gaussian, and the bounds on pseudolabels and on unlabelled samples that follow from it.

Equation numbers are those of docs/theory/self_training_expansion.rst. All in logarithms, so that masses down to the
smallest number of the computer keep their digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from ..errors import ParameterError
from ..solvers.quadrature import piece

Array = np.ndarray
#: Gauss–Legendre nodes for thin slabs, whose mass is no difference of two tails.
NODES = 24
#: As good as infinite, but has a square.
FARTHEST = 1e100


def log_expansion(log_mass: Any, reach: float) -> Array:
    """ln c(a) with c = Φ(Φ⁻¹(a) + h)/a for the logarithm of a: eq. (2), sharp for half-spaces (isoperimetry).

    Parameters
    ----------
    log_mass : array_like
        ln a, negative.
    reach : float
        h = 2r, how far N(V) reaches beyond V, in standard deviations.

    Raises
    ------
    ParameterError

    Notes
    -----
    Relative error of c: a few times the spacing of floats at ln a, 2e-13 at a = 1e-300.

    Examples
    --------
    >>> import numpy as np
    >>> [round(float(np.exp(log_expansion(np.log(0.1), h))), 2) for h in (1.0, 2.0)]
    [3.89, 7.64]
    """
    log_mass = np.asarray(log_mass, dtype=np.float64)
    if not ((log_mass < 0.0) & np.isfinite(log_mass)).all():
        raise ParameterError(f"ln a = {log_mass} is not allowed: the mass a of a set must be in (0, 1)")
    if not (np.isfinite(reach) and reach > 0.0):
        raise ParameterError(f"reach = {reach!r} is not allowed: give h = 2r in (0, inf)")
    edge = ndtri_exp(log_mass)
    if reach > 1.0:
        return np.asarray(log_ndtr(edge + reach) - log_mass)
    # the slab that is added, over a: keeps the digits of c − 1 as well
    return np.asarray(np.logaddexp(0.0, log_slab(edge + 0.5 * reach, 0.5 * reach) - log_mass))


def log_slab(centre: Any, half: float) -> Array:
    """ln P(|z − centre| < half) of a normal z."""
    c = np.minimum(np.abs(np.asarray(centre, dtype=np.float64)), FARTHEST)
    half = min(half, FARTHEST)
    low, high = c - half, c + half
    with np.errstate(divide="ignore", invalid="ignore"):
        tails = np.log1p(-np.exp(np.logaddexp(log_ndtr(low), log_ndtr(-high))))  # both of them small
        apart = log_ndtr(-low) + np.log(-np.expm1(log_ndtr(-high) - log_ndtr(-low)))
        wide = np.where(low < 0.0, tails, apart)
    thin = half * (1.0 + c) < 1.0
    if not thin.any():
        return np.asarray(wide)
    u, weight = piece(np.array(-half), np.array(half), NODES)
    at = np.where(thin, c, 0.0)[..., None]
    inner = np.log((weight * np.exp(-at * u - 0.5 * u**2)).sum(axis=-1))
    return np.where(thin, inner - 0.5 * c**2 - 0.5 * np.log(2.0 * np.pi), wide)


def log_threshold(log_mass: Any, radius: float, log_whole: float = 0.0) -> Array:
    """ln λ* with λ* = a/[Φ(t + r) − Φ(t − r)], Φ(t) = a: eq. (7), above which a mislabelled tail is removed.

    `log_whole` is ln Φ(s/2) for a class that is cut off at the boundary.
    """
    log_mass = np.asarray(log_mass, dtype=np.float64)
    edge = ndtri_exp(log_mass + log_whole)
    return np.asarray(log_mass - log_slab(edge, radius) + log_whole)


def usable_expansion(mass: float, expansion: float) -> float:
    """c = min(1/ā, c̄) of the denoising theorem."""
    return min(1.0 / mass, expansion)


def denoising_failure(mass: float, expansion: float) -> str:
    """The hypothesis of the denoising theorem that fails, in words; empty if none does.

    Parameters
    ----------
    mass : float
        ā, the largest part of a class that is mislabelled.
    expansion : float
        c̄ of (ā, c̄)-expansion.
    """
    if not mass < 1.0 / 3.0:
        return f"ā < 1/3 fails: {mass:.3g} of a class is mislabelled"
    if not expansion > 3.0:
        return f"c > 3 fails: sets of class mass {mass:.3g} expand by {expansion:.3g} only"
    return ""


def denoising_bound(error: float, inconsistency: float, mass: float, expansion: float) -> float:
    """Bound on the error of the minimiser with the theorem's weights, eq. (4); infinite if a hypothesis fails.

    Parameters
    ----------
    error, inconsistency : float
        Err(G_pl) of the pseudolabels, and μ = R_B(G*) of the truth.
    mass, expansion : float
        As for :func:`denoising_failure`, which says what fails.
    """
    if denoising_failure(mass, expansion):
        return float("inf")
    c = usable_expansion(mass, expansion)
    return 2.0 / (c - 1.0) * error + 2.0 * c / (c - 1.0) * inconsistency


def error_bound(penalty: Any, error: float, inconsistency: float, c: float) -> Array:
    """Bound on the error of the minimiser of P(G ≠ G_pl) + λ R_B(G) at any λ and any c > 1, eq. (5).

    At λ = 2c/(c + 1) it is the :func:`denoising_bound`. Infinite at λ = 0, and at c = 1.
    """
    penalty = np.asarray(penalty, dtype=np.float64)
    if not c > 1.0:
        return np.full(penalty.shape, np.inf)
    with np.errstate(divide="ignore", over="ignore"):
        factor = np.maximum((c + 1.0) / (c - 1.0), 2.0 * c / (c - 1.0) / penalty)
    return np.asarray(factor * (error + penalty * inconsistency) - error)


def unsupervised_failure(smallest: float, inconsistency: float, expansion: float) -> str:
    """The hypothesis of the unsupervised theorem that fails, in words; empty if none does.

    Parameters
    ----------
    smallest : float
        Mass of the smallest class.
    expansion : float
        c of (1/2, c)-expansion.
    """
    if not expansion > 1.0:
        return f"c > 1 fails: sets of half a class expand by {expansion:.3g} only"
    least = max(2.0 / (expansion - 1.0), 2.0) * inconsistency
    if not smallest > least:
        return f"min P(class) > max(2/(c − 1), 2) μ fails: {smallest:.3g} against {least:.3g}"
    return ""


def unsupervised_bound(smallest: float, inconsistency: float, expansion: float) -> float:
    """Bound on the error up to a permutation of labels, without any label, eq. (6); infinite if a hypothesis fails."""
    if unsupervised_failure(smallest, inconsistency, expansion):
        return float("inf")
    return max(expansion / (expansion - 1.0), 2.0) * inconsistency
