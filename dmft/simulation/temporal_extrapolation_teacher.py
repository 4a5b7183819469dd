"""Finite twin of ``temporal-extrapolation/teacher``: SGD on sampled sequences, see :mod:`dmft.simulation.sequences`."""

from .sequences import estimate, simulate

__all__ = ["estimate", "simulate"]
