"""Deterministic equations for two-time correlation and response: one march, no sampling."""
