"""Memory is refused before it is taken."""

from __future__ import annotations

import time
import tracemalloc

import pytest

import dmft
from dmft.errors import MemoryLimitError
from dmft.solvers.marching.method import Marching
from dmft.solvers.memory import available_memory, check_memory, readable
from dmft.theory.sgd import SGD


def test_available_memory_is_a_size():
    assert 1e6 < available_memory() < 1e15


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2.5e9, "2.5 GB"), (3e15, "3e+03 TB")]
)
def test_readable(size, text):
    assert readable(size) == text


def test_nine_tenths_of_what_is_free():
    check_memory(0.89e9, "do less", free=1e9)
    with pytest.raises(MemoryLimitError, match=r"needs 910 MB of memory, 1 GB are free: do less"):
        check_memory(0.91e9, "do less", free=1e9)


@pytest.mark.parametrize("options", [{"paths": 10**11}, {"paths": 10**11, "response": "exact"}, {"steps": 10**7}])
def test_absurd_theory_is_refused_at_once_without_allocating(options):
    dmft.solve("sgd", steps=1, paths=8)  # imports are not what is timed
    tracemalloc.start()
    started = time.perf_counter()
    try:
        with pytest.raises(MemoryLimitError, match=r"needs .* of memory, .* are free: try fewer --paths"):
            dmft.solve("sgd", **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50e6
    assert time.perf_counter() - started < 5.0


@pytest.mark.parametrize("response", ["exact", "probe"])
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_estimate_covers_what_is_used(response, precision, monkeypatch):
    """The estimate is not below what the arrays of the paths take, and not ten times above it."""
    monkeypatch.setattr("dmft.solvers.marching.solve.threads", lambda: 1)
    model = SGD(steps=60)
    method = Marching(paths=4096, batches=2, response=response, precision=precision)
    dmft.solve(model, Marching(paths=64, batches=2, response=response, precision=precision))  # compile
    tracemalloc.start()
    try:
        dmft.solve(model, method)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.1 * model.estimate(method)["memory"]
    assert model.estimate(method)["memory"] < 10.0 * peak
