"""Finite-size twin of ``sgd/ridge``: the simulation of ``sgd`` on a linear teacher."""

from __future__ import annotations

from dataclasses import replace

from ..results.progress import Progress
from ..results.solution import Solution
from ..theory.sgd_ridge import SGDRidge
from . import sgd
from .method import Simulation


def estimate(model: SGDRidge, method: Simulation) -> dict[str, float]:
    """See :func:`dmft.simulation.sgd.estimate`."""
    return sgd.estimate(model.as_sgd(), method)


def simulate(model: SGDRidge, method: Simulation, progress: Progress) -> Solution:
    """See :func:`dmft.simulation.sgd.simulate`; only what the closed form knows is kept."""
    full = sgd.simulate(model.as_sgd(), method, progress)
    known = {item.name for item in model.observables}
    curves = {name: curve for name, curve in full.items() if name in known}
    axes = {name: axis for name, axis in full.coordinates.items() if name in ("t", "step")}
    return replace(full, curves=curves, coordinates=axes)
