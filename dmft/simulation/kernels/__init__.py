"""Compiled loops of simulations."""
