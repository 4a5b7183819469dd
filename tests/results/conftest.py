"""Small synthetic runs: nothing is solved here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dmft.results.comparison import Comparison, ObservableComparison
from dmft.results.curve import Coordinate, Curve, Observable
from dmft.results.picture import Panel
from dmft.results.run import Run
from dmft.results.solution import Solution
from dmft.results.status import Status

STEPS = 41
TWO_TIME = ("t", "t_prime")
OBSERVABLES = (
    Observable("magnetization", "m", "overlap with the signal"),
    Observable("norm", "C(t,t)", "squared norm per weight, orthogonal to the signal"),
    Observable("train_loss", "ℓ", "training loss per sample"),
    Observable("test_error", "ε_test", "error on fresh data (of the same kind)"),
    Observable("energy_density", "e", "energy density", unit="J/m³"),
    Observable("correlation", "C", "two-time correlation", TWO_TIME),
    Observable("response", "R", "response to a field", TWO_TIME),
    Observable("margins", "P(yφ)", "density of margins", ("margin",)),
    Observable("final_norm", "C_end", "squared norm, at the end", ()),
)
FIGURE = tuple(Panel(name) for name in ("magnetization", "norm", "train_loss", "test_error", "correlation", "response"))
PROVENANCE = {
    "versions": {"dmft": "0.1.0", "numpy": "2.0.0"},
    "command": "dmft solve --alpha 2.0",
    "created": "2025-01-01T00:00:00+00:00",
    "wall_time": 1.25,
    "platform": "test",
}


def exact(name: str, t: np.ndarray, margin: np.ndarray) -> np.ndarray:
    """A smooth function of the right shape for each observable."""
    lag = t[:, None] - t[None, :]
    return {
        "correlation": np.exp(-np.abs(lag)),
        "response": np.where(lag > 0, np.exp(-lag), 0.0),
        "margins": np.exp(-(margin**2)),
        "final_norm": np.array(0.5),
    }.get(name, np.exp(-t) + 0.1 * len(name))


def make_solution(seed: int = 0, steps: int = STEPS, noise: float = 0.01, size: int | None = None) -> Solution:
    """Every kind of observable, with deviations of one standard error."""
    rng = np.random.default_rng(seed)
    t, margin = 0.2 * np.arange(steps), np.linspace(-3.95, 3.95, 80)
    curves: dict[str, Curve] = {}
    for item in OBSERVABLES:
        values = exact(item.name, t, margin)
        error = rng.standard_normal(values.shape)
        if item.name == "response":
            error = np.tril(error, -1)
        elif item.name == "correlation":
            error = error + error.T
        curves[item.name] = item.curve(values + noise * error, np.full(values.shape, noise))
    coordinates = {
        "t": Coordinate("t", t, "t", "time", unit="s"),
        "t_prime": Coordinate("t_prime", t, "t'", "earlier time", unit="s"),
        "step": Coordinate("step", np.arange(steps), "k", "step", dim="t"),
        "margin": Coordinate("margin", margin, "yφ(r)", "margin, bin centre"),
    }
    method = {"seed": seed, "paths": 100} if size is None else {"seed": seed, "size": size, "replicas": 8}
    return Solution(curves, coordinates, Status("converged", "all done"), 8, method, {"rank": 7, "seconds": 0.5})


def make_run(**changes: Any) -> Run:
    """Theory, simulation and comparison."""
    agreement = ObservableComparison(1.5, 3.0, 0.01, (0.02, 0.01), (0.01, 0.005), float("nan"), True)
    parts: dict[str, Any] = {
        "theory": make_solution(1, noise=1e-4),
        "simulation": make_solution(2, size=500),
        "comparison": Comparison((250, 500), {"norm": agreement}),
        "references": ("A. Author, A title, arXiv:0000.00000", "B. Zdeborová"),
        "provenance": PROVENANCE,
        "changed": {"α": 3.0, "data": "two-cluster"},
        "figure": FIGURE,
    }
    return Run("sgd", {"alpha": 3.0, "loss": None, "sphere": False, "data": "two-cluster"}, **{**parts, **changes})


def assert_same(left: Run, right: Run) -> None:
    """Equal in every bit; NaN equals NaN."""
    for name in ("model", "parameters", "references", "provenance", "changed", "figure"):
        assert getattr(left, name) == getattr(right, name), name
    assert repr(left.comparison) == repr(right.comparison)
    for side in ("theory", "simulation"):
        one, two = getattr(left, side), getattr(right, side)
        assert (one is None) == (two is None), side
        if one is not None:
            _same_solution(one, two)


def _same_solution(left: Solution, right: Solution) -> None:
    for name in ("status", "samples", "method", "diagnostics"):
        assert getattr(left, name) == getattr(right, name), name
    assert list(left) == list(right)
    for curve, other in zip(left.values(), right.values(), strict=True):
        for name in ("name", "dims", "symbol", "long_name", "unit"):
            assert getattr(curve, name) == getattr(other, name), name
        _same_array(curve.values, other.values)
        assert (curve.stderr is None) == (other.stderr is None)
        if curve.stderr is not None:
            _same_array(curve.stderr, other.stderr)
    assert left.coordinates.keys() == right.coordinates.keys()
    for name, item in left.coordinates.items():
        other = right.coordinates[name]
        for part in ("name", "axis", "symbol", "long_name", "unit"):
            assert getattr(item, part) == getattr(other, part), part
        _same_array(item.values, other.values)


def _same_array(left: np.ndarray, right: np.ndarray) -> None:
    assert left.dtype == right.dtype
    assert left.shape == right.shape
    assert left.tobytes() == right.tobytes()


@pytest.fixture(scope="session", name="make_run")
def _make_run():
    return make_run


@pytest.fixture(scope="session", name="make_solution")
def _make_solution():
    return make_solution


@pytest.fixture(scope="session", name="assert_same")
def _assert_same():
    return assert_same


@pytest.fixture(scope="session")
def run() -> Run:
    """Immutable, so that all tests can share it."""
    return make_run()


@pytest.fixture(scope="session")
def small_run() -> Run:
    """A file of about 30 kB."""
    return make_run(theory=make_solution(1, steps=4), simulation=None)
