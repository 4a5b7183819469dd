"""Refinement and error estimate of the two-time solver; status, interruption, memory."""

from __future__ import annotations

import numpy as np
import pytest

from dmft.errors import MemoryLimitError, ParameterError
from dmft.results.progress import SILENT
from dmft.solvers.two_time.method import TwoTime
from dmft.solvers.two_time.uniform import Extrapolation, estimate, grids, solve
from dmft.theory.p_spin import PSpin

PROBLEM = PSpin(p=3).problem()


@pytest.mark.parametrize("tolerance", [1e-3, 1e-5, 1e-7])
@pytest.mark.parametrize("model", [{}, {"p": 2}, {"temperature": 0.5}, {"p": 4, "temperature": 1.0}], ids=str)
def test_the_error_is_below_its_estimate(model, tolerance):
    problem = PSpin(**model).problem()
    truth, _, _ = solve(problem, 10.0, 50, TwoTime(tolerance=1e-10), SILENT)
    curves, status, facts = solve(problem, 10.0, 50, TwoTime(tolerance=tolerance), SILENT)
    error = max(np.abs(curves[name] - truth[name]).max() for name in curves)
    assert status.code == "converged"
    assert error < facts["estimated_error"] <= tolerance
    assert f"{facts['estimated_error']:.1e}" in status.message


def test_too_few_steps_are_not_converged():
    curves, status, facts = solve(PROBLEM, 20.0, 100, TwoTime(tolerance=1e-9, max_steps=300), SILENT)
    assert status.code == "not_converged"
    assert "--max-steps" in status.message
    assert facts["estimated_error"] > 1e-9
    assert np.isfinite(curves["correlation"]).all()
    assert curves["correlation"].shape == (101, 101)


def test_a_single_grid_has_no_error_estimate():
    curves, status, facts = solve(PROBLEM, 20.0, 100, TwoTime(max_steps=100), SILENT)
    assert status.code == "not_converged"
    assert facts["estimated_error"] == float("inf")
    assert len(curves["driven"]) == 101


def test_a_grid_that_cannot_resolve_the_equations_is_refused():
    with pytest.raises(ParameterError, match=r"max_steps = 300 is too few for t_max = 1000: give at least 3100"):
        solve(PROBLEM, 1000.0, 100, TwoTime(max_steps=300), SILENT)


def test_rows_that_never_converge_are_said_and_cut(monkeypatch):
    monkeypatch.setattr("dmft.solvers.two_time.uniform.grids", lambda *arguments: [20])
    curves, status, _ = solve(PROBLEM, 100.0, 20, TwoTime(), SILENT)
    assert status.code == "not_converged"
    assert "rows stop converging" in status.message
    assert 0 < len(curves["driven"]) < 21
    assert np.isfinite(curves["correlation"]).all()


def test_memory_is_known_before_the_start():
    assert estimate(PROBLEM, 20.0, 100, TwoTime(max_steps=3200))["memory"] > 16.0 * 2300**2
    with pytest.raises(MemoryLimitError, match="--max-steps"):
        solve(PROBLEM, 2e4, 100, TwoTime(max_steps=100_000), SILENT)


def test_grids_are_multiples_and_grow_slowly():
    steps = grids(PROBLEM, 100.0, 100, TwoTime(max_steps=6400))
    assert steps[0] == 400
    assert max(steps) <= 6400 < 2 * max(steps)
    assert all(n % 100 == 0 for n in steps)
    ratios = np.divide(steps[1:], steps[:-1])
    assert ratios.min() > 1.2
    assert ratios.max() <= 2.0


@pytest.mark.parametrize("count", [2, 3, 4])
def test_extrapolation_is_exact_for_even_polynomials(count):
    coefficients, table = np.array([3.0, -2.0, 5.0, 0.7])[:count], Extrapolation()
    for steps in (1, 2, 3, 4)[:count]:
        table.add(steps, {"x": np.polynomial.polynomial.polyval(steps**-2.0, coefficients)})
    assert table.best["x"] == pytest.approx(3.0, abs=1e-12)
    assert table.error == pytest.approx(abs(float(table.rows[-1][-1]["x"] - table.rows[-1][-2]["x"])))


@pytest.mark.parametrize(("patience", "length"), [(50.0, 81), (250.0, 101), (650.0, 101)])
def test_an_interrupt_keeps_what_is_finished(patience, length, impatient):
    """In the first march its first times; later the extrapolation of the marches that were complete."""
    curves, status, _ = solve(PROBLEM, 20.0, 100, TwoTime(tolerance=1e-12), impatient(patience))
    whole, _, _ = solve(PROBLEM, 20.0, 100, TwoTime(tolerance=1e-8), SILENT)
    assert status.code == "interrupted"
    assert len(curves["driven"]) == length
    assert np.isfinite(curves["response"]).all()
    np.testing.assert_allclose(curves["driven"], whole["driven"][:length], atol=0.1)


def test_progress_adds_up(count):
    solve(PROBLEM, 5.0, 50, TwoTime(), count)
    assert count.done == pytest.approx(count.total)


@pytest.mark.parametrize("wrong", [{"tolerance": 0.0}, {"tolerance": -1e-3}, {"tolerance": "small"}, {"max_steps": 0}])
def test_wrong_options(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ParameterError, match=rf"{name} = {value!r} is not allowed"):
        TwoTime(**wrong)
