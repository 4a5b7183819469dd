"""Exact minimisers of ``Σ_x cost(x, label) + Σ penalty(x)·[x is inconsistent]`` over all labelings of samples.

A sample is inconsistent if not all samples of its ball B have one label. On a line by dynamic programming
(:mod:`.line`), on a graph with two labels by a minimum cut (:mod:`.flow`), on small graphs by trying all
(:mod:`.exhaustive`). With integers all three are exact.
"""
