"""One point a path: Owen-scrambled Sobol' (randomised quasi-Monte-Carlo) or pseudo-random uniform numbers.

Coordinates are ordered by importance: those of `draw` first (label, field, …), then innovation k and
membership at step k in turns (for two copies: two innovations, two memberships). The innovations are counted
as the noise needs them, so noise of low rank uses only the best coordinates.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from ..compiled import compiled

if TYPE_CHECKING:
    from .problem import MarchingProblem

Array = np.ndarray
SOBOL_DIMENSIONS = qmc.Sobol.MAXDIM
#: Leading coordinates that are the same in every march; the others are assigned in random order.
KEPT = 32
_BITS = 32
_CHUNK = 1024
_ROWS = 64


def sobol_digits(count: int, dimensions: int) -> Array:
    """The first `count` Sobol' points as integers with reversed binary digits, shape (dimensions, count).

    The net is the same for every march; only its scrambling differs. Dimensions beyond the direction numbers
    that SciPy has are left out: they are drawn pseudo-randomly.
    """
    good = min(dimensions, SOBOL_DIMENSIONS)
    engine = qmc.Sobol(good, scramble=False, bits=_BITS)
    digits = np.empty((good, count), dtype=np.uint32)
    for start in range(0, count, _CHUNK):
        size = min(_CHUNK, count - start)
        with warnings.catch_warnings():  # fewer points than one block: they are a net of their own
            warnings.simplefilter("ignore", UserWarning)
            digits[:, start : start + size] = (engine.random(size) * 2.0**_BITS).astype(np.uint32).T
    _reverse(digits)
    return digits


@compiled
def _reversed(x):
    x = np.uint32(x)
    x = ((x & np.uint32(0x55555555)) << np.uint32(1)) | ((x >> np.uint32(1)) & np.uint32(0x55555555))
    x = ((x & np.uint32(0x33333333)) << np.uint32(2)) | ((x >> np.uint32(2)) & np.uint32(0x33333333))
    x = ((x & np.uint32(0x0F0F0F0F)) << np.uint32(4)) | ((x >> np.uint32(4)) & np.uint32(0x0F0F0F0F))
    x = ((x & np.uint32(0x00FF00FF)) << np.uint32(8)) | ((x >> np.uint32(8)) & np.uint32(0x00FF00FF))
    return np.uint32((x << np.uint32(16)) | (x >> np.uint32(16)))  # Numba widens to 64 bits in between


@compiled
def _reverse(digits):
    for d in range(digits.shape[0]):
        row = digits[d]
        for i in range(row.shape[0]):
            row[i] = _reversed(row[i])


@compiled
def scramble(digits, keys, out):
    """Nested uniform (Owen) scrambling: each binary digit is flipped or not depending on the digits before it.

    The flips come from a hash in which every bit depends on lower bits only (Laine & Karras 2011, with the
    reversal of digits of Burley 2020), keyed by dimension. `out` gets the middles of the cells of width 2^-32:
    never 0, whose Gaussian quantile is infinite.
    """
    for d in range(digits.shape[0]):
        key, mixer = keys[d, 0], keys[d, 1] | np.uint32(1)
        row, target = digits[d], out[d]
        for i in range(row.shape[0]):
            x = row[i]
            # multiplications by even numbers and additions carry upwards only: a triangular permutation
            x = x ^ (x * np.uint32(0x3D20ADEA))
            x = x + key
            x = x * mixer
            x = x ^ (x * np.uint32(0x05526C56))
            x = x ^ (x * np.uint32(0x53A22864))
            target[i] = (np.float64(_reversed(np.uint32(x))) + 0.5) * 2.0**-32


def draw_paths(
    problem: MarchingProblem, times: int, count: int, digits: Array | None, dtype: str, rng: np.random.Generator
) -> tuple[Array, Array, Array, Array, Array]:
    """Draw everything random about `count` paths.

    Parameters
    ----------
    digits : ndarray of uint32 (dimensions, count) or None
        From :func:`sobol_digits`; None for pseudo-random numbers.

    Returns
    -------
    centre, field, label : ndarray (count,)
        What `problem.draw` returns.
    innovations : ndarray (copies, times + 1, count), `dtype`
        Standard normal innovations: that of the start, which copies share, then one for each new direction of the
        noise. A second set is for the difference of two copies, which is 0 at the start.
    active : ndarray of bool (copies, times, count)
        Mini-batch membership.
    """
    first, copies = problem.uniforms, problem.copies
    dimensions = dimensions_needed(problem, times)
    good = 0 if digits is None else len(digits)
    # some projections of a few coordinates of the net are poor, and scrambling then errs by the same amount in
    # every march, up or down: an order of its own for each march makes such errors rare and visible in the spread
    order = np.concatenate((np.arange(min(KEPT, good)), rng.permutation(np.arange(KEPT, good))))
    keys = rng.integers(0, 2**32, size=(dimensions, 2), dtype=np.uint32)
    head = np.empty((first, count))
    innovations = np.zeros((copies, times + 1, count), dtype=dtype)
    active = np.empty((copies, times, count), dtype=bool)
    block = np.empty((_ROWS, count))
    for start in range(0, dimensions, _ROWS):
        rows = min(_ROWS, dimensions - start)
        net = max(0, min(rows, good - start))
        if digits is not None and net:
            scramble(digits[order[start : start + net]], keys[start : start + net], block[:net])
        if net < rows:
            block[net:rows] = rng.random((rows - net, count)) + 0.5**54
        for d in range(start, start + rows):
            uniform = block[d - start]
            if d < first:
                head[d] = uniform
                continue
            # the difference of two copies has no start: its place is left out
            place = d - first + (copies - 1 if d > first else 0)
            step, turn = divmod(place, 2 * copies)
            if turn < copies:
                innovations[turn, step] = ndtri(uniform)
            elif step == 0:
                active[turn - copies, 0] = problem.chain.first(uniform)
            else:
                before = active[turn - copies, step - 1]
                active[turn - copies, step] = problem.chain.next(before, uniform)
    centre, field, label = problem.draw(head)
    return centre, field, label, innovations, active


def dimensions_needed(problem: MarchingProblem, times: int) -> int:
    """Uniform numbers a path needs in all."""
    return problem.uniforms + 2 * problem.copies * times + 1
