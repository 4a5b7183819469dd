"""Compiled nonlinearities of the models, apart from their declarations so that those import at once."""
