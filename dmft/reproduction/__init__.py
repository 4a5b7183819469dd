"""Whole papers again: recipes carried out, judged and reported."""
