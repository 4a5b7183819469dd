"""The finite-size twin of each model, in files of the same name as in :mod:`dmft.theory`."""
