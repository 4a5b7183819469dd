"""Parameters that are lists, with commas or as a sequence."""

from __future__ import annotations

import numpy as np
import pytest

from dmft.errors import ParameterError
from dmft.theory.lists import joined, names, numbers


def test_numbers():
    assert numbers("a", " 3,1 ,2e0", "numbers").tolist() == [3.0, 1.0, 2.0]
    whole = numbers("a", "32,8", "numbers", whole=True)
    assert whole.dtype.kind == "i"
    assert whole.tolist() == [32, 8]
    assert numbers("a", "2.0", "numbers", whole=True).tolist() == [2]
    assert joined((1, 2.5)) == joined([1, 2.5]) == "1,2.5"
    assert joined("1,2") == "1,2"


@pytest.mark.parametrize("text", ["", "1,,2", "1,x", "nan", "1,inf", "0,1"])
def test_bad_numbers(text):
    with pytest.raises(ParameterError, match=r"^a = '.*' is not allowed: give numbers above 0$"):
        numbers("a", text, "numbers above 0", good=lambda values: bool(np.all(values > 0.0)))


@pytest.mark.parametrize("text", ["1.5", "inf", "9" * 30])
def test_bad_whole_numbers(text):
    with pytest.raises(ParameterError, match=r"^a = "):
        numbers("a", text, "whole numbers", whole=True)


def test_names():
    assert names("norms", "gn, bn,gn", ("bn", "gn", "ln")) == ("gn", "bn")
    with pytest.raises(ParameterError, match="norms = 'gn,bnn': unknown one 'bnn': did you mean 'bn'"):
        names("norms", "gn,bnn", ("bn", "gn", "ln"))
