"""One point a path: scrambled Sobol' (randomised quasi-Monte-Carlo) or pseudo-random uniform numbers.

Coordinates are ordered by importance: those of `draw` first (label, field, …), then innovation k and
membership at step k in turns. The innovations are counted as the covariance needs them, so a covariance of
low rank uses only the best coordinates.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from .problem import MarchingProblem

SOBOL_DIMENSIONS = qmc.Sobol.MAXDIM
_BITS = 30
_CHUNK = 1024


def uniform_points(count: int, dimensions: int, sampler: str, rng: np.random.Generator):
    """Yield blocks ``(start, points[block, dimensions])`` of points in the open unit cube."""
    good = min(dimensions, SOBOL_DIMENSIONS) if sampler == "sobol" else 0
    engine = qmc.Sobol(good, scramble=True, bits=_BITS, rng=rng.spawn(1)[0]) if good else None
    for start in range(0, count, _CHUNK):
        size = min(_CHUNK, count - start)
        block = np.empty((size, dimensions))
        if engine is not None:
            with warnings.catch_warnings():  # fewer points than one block: they are a net of their own
                warnings.simplefilter("ignore", UserWarning)
                # the middle of each cell: never 0, whose Gaussian quantile is infinite
                block[:, :good] = engine.random(size) + 0.5**(_BITS + 1)
        # beyond the last Sobol' dimension (or without Sobol') the coordinates are pseudo-random
        block[:, good:] = rng.random((size, dimensions - good)) + 0.5**54
        yield start, block


def draw_paths(problem: MarchingProblem, times: int, count: int, sampler: str, dtype: str, rng: np.random.Generator):
    """Draw everything random about `count` paths.

    Returns
    -------
    centre, field, label : ndarray (count,)
        What `problem.draw` returns.
    innovations : ndarray (times + 1, count), `dtype`
        Standard normal innovations: that of the start, then one for each new direction of the noise.
    active : ndarray of bool (times, count)
        Mini-batch membership.
    """
    first = problem.uniforms
    head = np.empty((first, count))
    innovations = np.empty((times + 1, count), dtype=dtype)
    uniforms = np.empty((times, count), dtype=np.float32)
    for start, block in uniform_points(count, first + 2 * times + 1, sampler, rng):
        stop = start + len(block)
        head[:, start:stop] = block[:, :first].T
        innovations[:, start:stop] = ndtri(block[:, first::2]).T
        uniforms[:, start:stop] = block[:, first + 1 :: 2].T
    active = np.empty((times, count), dtype=bool)
    active[0] = problem.chain.first(uniforms[0])
    for t in range(1, times):
        active[t] = problem.chain.next(active[t - 1], uniforms[t])
    centre, field, label = problem.draw(head)
    return centre, field, label, innovations, active
