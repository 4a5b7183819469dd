"""The test problems, and the plain Python function behind a callback."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def problems():
    spec = importlib.util.spec_from_file_location("flow_problems", Path(__file__).with_name("problems.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where the cache of a callback looks for it
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def plain():
    """``plain(callback, number)``: f(t, y) for scipy."""

    def make(callback, number):
        function, parameters, data = callback.__wrapped__, np.array([float(number)]), np.zeros(0)

        def field(t, y):
            out = np.empty_like(y)
            function(t, y, parameters, data, out)
            return out

        return field

    return make
