"""What the tests of the solvers share."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import dmft
from dmft.results.statistics import Moments


@pytest.fixture(scope="session")
def oracle():
    """The same equations as plain NumPy: pseudo-random paths, probes, Cholesky rows."""
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "numpy_march.py"
    spec = importlib.util.spec_from_file_location("numpy_march", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def marches(monkeypatch):
    """``marches(**options)``: the averages of every single march of one solution.

    The equations hold march by march: only there are they an identity, since they are not linear.
    """

    def solve(**options):
        samples = []
        add = Moments.add
        with monkeypatch.context() as patch:
            patch.setattr(Moments, "add", lambda self, sample: (samples.append(sample), add(self, sample))[1])
            dmft.solve("sgd", **options)
        return samples

    return solve
