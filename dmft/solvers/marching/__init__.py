"""Causal Monte-Carlo solver of discrete-time DMFT: march forward once, no fixed-point iteration."""
