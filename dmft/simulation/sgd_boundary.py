"""Finite-size twin of ``sgd/boundary``: the simulation of ``sgd``; the margins at the end are measured by the model."""

from __future__ import annotations

from .sgd import estimate, simulate

__all__ = ["estimate", "simulate"]
