"""A small network engine on NumPy or CuPy, without automatic differentiation: one concept a file.

Every array carries a leading axis of replicas. The weights of a network are one flat array (R, P); layers see views
of it, optimisers the whole. A new layer is one file with the functions of :class:`.layer.Layer`; a new optimiser a
class with the two of :class:`.optimisers.Optimiser`. Features of a sample come last: (width,) or (rows, columns,
channels). Running statistics are weights that are not trained: optimisers leave them alone, training lets them follow
the data.
"""
