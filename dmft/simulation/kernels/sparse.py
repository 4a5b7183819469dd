"""Products of a kernel with inputs that are zeros and a few ones, given by the places of the ones, compiled."""

from __future__ import annotations

from ...solvers.compiled import compiled


@compiled
def gather(kernel, places, out):
    """Add kernel[r, places[r, i, j]] over j to out[r, i]; kernel (R, F, W), places (R, n, k), −1 for none."""
    for r in range(out.shape[0]):
        for i in range(out.shape[1]):
            for j in range(places.shape[2]):
                place = places[r, i, j]
                if place >= 0:
                    for w in range(out.shape[2]):
                        out[r, i, w] += kernel[r, place, w]


@compiled
def scatter(slope, places, gradient):
    """Its transpose: add slope[r, i] to gradient[r, places[r, i, j]], for all i and j in order."""
    for r in range(slope.shape[0]):
        for i in range(slope.shape[1]):
            for j in range(places.shape[2]):
                place = places[r, i, j]
                if place >= 0:
                    for w in range(slope.shape[2]):
                        gradient[r, place, w] += slope[r, i, w]
