"""One point a path: Owen-scrambled Sobol' (randomised quasi-Monte-Carlo) or pseudo-random uniform numbers.

Coordinates are ordered by importance: those of `draw` first (label, field, …), then innovation k and
membership at step k in turns (for two copies: two innovations, two memberships). The innovations are drawn
when the noise needs them, so noise of low rank uses, and pays for, only the best coordinates.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import qmc

from ..compiled import compiled

if TYPE_CHECKING:
    from ..markov import TwoStateChain
    from .problem import MarchingProblem

Array = np.ndarray
SOBOL_DIMENSIONS = qmc.Sobol.MAXDIM
#: Leading coordinates that are the same in every march; the others are assigned in random order.
KEPT = 32
#: Nets up to this size (4 bytes a digit) are kept for the next call.
KEPT_DIGITS = 2**22
_BITS = 32
_CHUNK = 1024
_ROWS = 32


def sobol_digits(count: int, dimensions: int) -> Array:
    """The first `count` Sobol' points as integers with reversed binary digits, shape (dimensions, count).

    The net is the same for every march and every call; only its scrambling differs. Dimensions beyond the direction
    numbers that SciPy has are left out: they are drawn pseudo-randomly.
    """
    make = _sobol_digits if count * dimensions <= KEPT_DIGITS else _sobol_digits.__wrapped__
    return make(count, dimensions)


@functools.lru_cache(maxsize=2)
def _sobol_digits(count: int, dimensions: int) -> Array:
    good = min(dimensions, SOBOL_DIMENSIONS)
    engine = qmc.Sobol(good, scramble=False, bits=_BITS)
    digits = np.empty((good, count), dtype=np.uint32)
    for start in range(0, count, _CHUNK):
        size = min(_CHUNK, count - start)
        with warnings.catch_warnings():  # fewer points than one block: they are a net of their own
            warnings.simplefilter("ignore", UserWarning)
            digits[:, start : start + size] = (engine.random(size) * 2.0**_BITS).astype(np.uint32).T
    _reverse(digits)
    digits.flags.writeable = False
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
def scramble(digits, order, keys, out):
    """Nested uniform (Owen) scrambling: each binary digit is flipped or not depending on the digits before it.

    The flips come from a hash in which every bit depends on lower bits only (Laine & Karras 2011, with the
    reversal of digits of Burley 2020), keyed by dimension. ``out[d]`` is made of
    ``digits[order[d]]``, and gets the middles of the cells of width 2^-32:
    never 0, whose Gaussian quantile is infinite.
    """
    for d in range(order.shape[0]):
        key, mixer = keys[d, 0], keys[d, 1] | np.uint32(1)
        row, target = digits[order[d]], out[d]
        for i in range(row.shape[0]):
            x = row[i]
            # multiplications by even numbers and additions carry upwards only: a triangular permutation
            x = x ^ (x * np.uint32(0x3D20ADEA))
            x = x + key
            x = x * mixer
            x = x ^ (x * np.uint32(0x05526C56))
            x = x ^ (x * np.uint32(0x53A22864))
            target[i] = (np.float64(_reversed(np.uint32(x))) + 0.5) * 2.0**-32


@compiled
def _quantile_centre(row, out):
    """Rational approximation of the normal quantile for uniform numbers in (0.075, 0.925); fills vector registers."""
    for i in range(row.shape[0]):
        q = row[i] - 0.5
        r = 0.180625 - q * q
        a = r * (45921.95393154987 + r * (67265.7709270087 + r * (33430.57558358813 + r * 2509.0809287301227)))
        a = 3.3871328727963665 + r * (133.14166789178438 + r * (1971.5909503065513 + r * (13731.69376550946 + a)))
        b = r * (21213.794301586597 + r * (39307.89580009271 + r * (28729.085735721943 + r * 5226.495278852854)))
        b = 1.0 + r * (42.31333070160091 + r * (687.1870074920579 + r * (5394.196021424751 + b)))
        out[i] = q * a / b


@compiled
def _quantile_tail(r):
    """Normal quantile of p > 0.925 from ``r = √(−ln(1 − p))``."""
    if r <= 5.0:
        r -= 1.6
        a = r * (1.2704582524523684 + r * (0.2417807251774506 + r * (0.022723844989269184 + r * 0.0007745450142783414)))
        a = 1.4234371107496835 + r * (4.630337846156546 + r * (5.769497221460691 + r * (3.6478483247632045 + a)))
        b = r * (
            0.14810397642748008 + r * (0.015198666563616457 + r * (0.0005475938084995345 + r * 1.0507500716444169e-09))
        )
        b = 1.0 + r * (2.053191626637759 + r * (1.6763848301838038 + r * (0.6897673349851 + b)))
        return a / b
    r -= 5.0
    a = r * (
        0.026532189526576124 + r * (0.0012426609473880784 + r * (2.7115555687434876e-05 + r * 2.0103343992922881e-07))
    )
    a = 6.657904643501103 + r * (5.463784911164114 + r * (1.7848265399172913 + r * (0.29656057182850487 + a)))
    b = r * (
        0.0007868691311456133 + r * (1.8463183175100548e-05 + r * (1.421511758316446e-07 + r * 2.0442631033899397e-15))
    )
    b = 1.0 + r * (0.599832206555888 + r * (0.1369298809227358 + r * (0.014875361290850615 + b)))
    return a / b


@compiled
def gaussian_quantile(uniforms, out):
    """Write quantiles of the normal distribution to round-off, faster than SciPy: algorithm AS 241 (Wichura 1988).

    `uniforms` are in (0, 1), of shape (coordinates, count): most are treated in vector registers, the tails one by one.
    """
    tails = np.empty(uniforms.shape[1], dtype=np.int64)
    for d in range(uniforms.shape[0]):
        row, target, count = uniforms[d], out[d], 0
        _quantile_centre(row, target)
        for i in range(row.shape[0]):
            tails[count] = i  # kept by the next line if it is one: a branch would be mispredicted too often
            count += abs(row[i] - 0.5) > 0.425
        for k in range(count):  # a loop of its own, lest the logarithm be computed for every number
            i = tails[k]
            size = _quantile_tail(np.sqrt(-np.log(min(row[i], 1.0 - row[i]))))
            target[i] = -size if row[i] < 0.5 else size


@compiled
def draw_membership(uniforms, mean, join, stay, active, start):
    """Rows `start` … of ``active[step, i]``, one for each row of `uniforms`: see :class:`TwoStateChain`."""
    for k in range(uniforms.shape[0]):
        row, now, before = uniforms[k], active[start + k], active[max(start + k - 1, 0)]
        if start + k == 0:
            for i in range(row.shape[0]):
                now[i] = row[i] < mean
        else:
            for i in range(row.shape[0]):
                now[i] = row[i] < (stay if before[i] else join)


class Paths:
    """Everything random about the `count` paths of one march.

    Parameters
    ----------
    digits : ndarray of uint32 (dimensions, count) or None
        From :func:`sobol_digits`; None for pseudo-random numbers.

    Attributes
    ----------
    centre, field, label : ndarray (count,)
        What `problem.draw` returns.
    active : ndarray of bool (copies, times, count)
        Mini-batch membership.
    """

    def __init__(
        self, problem: MarchingProblem, times: int, count: int, digits: Array | None, rng: np.random.Generator
    ) -> None:
        dimensions = dimensions_needed(problem, times)
        self.first, self.copies, self.count, self.rng = problem.uniforms, problem.copies, count, rng
        self.digits = np.empty((0, count), dtype=np.uint32) if digits is None else digits
        good = len(self.digits)
        # some projections of a few coordinates of the net are poor, and scrambling then errs by the same amount in
        # every march, up or down: an order of its own for each march makes such errors rare and visible in the spread
        self.order = np.concatenate((np.arange(min(KEPT, good)), rng.permutation(np.arange(KEPT, good))))
        self.keys = rng.integers(0, 2**32, size=(dimensions, 2), dtype=np.uint32)
        self.buffer = np.empty((_ROWS, count))  # memory that is new each time would cost more than the drawing
        self.centre, self.field, self.label = problem.draw(self._uniforms(np.arange(self.first)).copy())
        self.active = np.ones((self.copies, times, count), dtype=bool)
        if problem.chain.mean < 1.0:
            self._draw_membership(problem.chain)

    def _draw_membership(self, chain: TwoStateChain) -> None:
        for copy, active in enumerate(self.active):
            for start, steps in _blocks(0, len(active)):
                uniforms = self._uniforms(self._place(steps, self.copies + copy))
                draw_membership(uniforms, chain.mean, chain.turn_on, chain.stay, active, start)

    def innovations(self, channel: int, start: int, out: Array) -> None:
        """Write standard normal innovations of the noise, the first of them number `start`: out[numbers, count].

        Number 0 is that of the start. It is 0 for the second channel, the difference of two copies.
        """
        if channel and start == 0:
            out[0] = 0.0
            start, out = 1, out[1:]
        for block, numbers in _blocks(start, start + len(out)):
            uniforms = self._uniforms(self._place(numbers, channel))
            gaussian_quantile(uniforms, out[block - start : block - start + len(numbers)])

    def _place(self, steps: Array, turn: int) -> Array:
        """Coordinates of innovations (turn < copies) and memberships; the start of a difference has none."""
        place = 2 * self.copies * steps + turn
        return self.first + place - np.where(place > 0, self.copies - 1, 0)

    def _uniforms(self, coordinates: Array) -> Array:
        """Uniform numbers in (0, 1), shape (coordinates, count), until the next call."""
        out = self.buffer[: len(coordinates)]
        net = int(np.searchsorted(coordinates, len(self.digits)))  # beyond the net: pseudo-random
        scramble(self.digits, self.order[coordinates[:net]], self.keys[coordinates[:net]], out)
        out[net:] = self.rng.random((len(coordinates) - net, self.count)) + 0.5**54
        return out


def _blocks(start: int, stop: int) -> Iterator[tuple[int, Array]]:
    """First number and all numbers of each of the blocks that the buffer has room for."""
    for first in range(start, stop, _ROWS):
        yield first, np.arange(first, min(first + _ROWS, stop))


def dimensions_needed(problem: MarchingProblem, times: int) -> int:
    """Uniform numbers a path needs in all."""
    return problem.uniforms + 2 * problem.copies * times + 1


def random_signs(rng: np.random.Generator, shape: tuple[int, ...], precision: str) -> Array:
    """Pseudo-random ±1: the fields of the probes."""
    return (2.0 * rng.integers(0, 2, size=shape, dtype=np.int8) - 1.0).astype(precision)
