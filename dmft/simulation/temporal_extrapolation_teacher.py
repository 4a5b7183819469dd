"""Finite-size twin of ``temporal-extrapolation/teacher``: SGD, see :mod:`dmft.simulation.sequences`."""

from .sequences import estimate, simulate

__all__ = ["estimate", "simulate"]
