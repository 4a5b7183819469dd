"""What is solved: one file per system. See :mod:`dmft.theory.base` for what a model is."""
