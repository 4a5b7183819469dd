"""What people read fits on a screen of 24 lines, and tables have straight columns."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.cli.info import file_lines, sweep_file_lines
from dmft.cli.models import model_lines
from dmft.cli.report import comparison_lines, places, scalar_lines, table
from dmft.results.comparison import Comparison, ObservableComparison
from dmft.results.curve import Coordinate, Observable
from dmft.results.phase import PhaseDiagram
from dmft.results.run import Run
from dmft.results.solution import Solution
from dmft.results.status import Status

LINES, COLUMNS = 24, 120
SCALARS = [Observable(f"quantity_number_{k}", "q", "a quantity", ()) for k in range(30)]
CURVES = [Observable(f"function_number_{k}", "f", "a function") for k in range(30)]


def solution(shape=()):
    curves = {item.name: item.curve(np.float64(k), np.float64(0.1)) for k, item in enumerate(SCALARS)}
    curves |= {item.name: item.curve(np.ones(3), np.ones(3)) for item in CURVES}
    return Solution(curves, {"t": Coordinate("t", np.arange(3.0), "t", "time")}, Status("converged", "done " * 15), 8)


@pytest.fixture(scope="module")
def large_run():
    """A run with more of everything than any model has."""
    items = {
        item.name: ObservableComparison(float(k), 4.0, 0.1, (0.1,), (0.1,), float("nan"), k <= 4)
        for k, item in enumerate(CURVES)
    }
    parameters = {"alpha": 7.0} | {f"parameter_{k}": float(k) for k in range(40)}
    return Run(
        "sgd", parameters, solution(), solution(), Comparison((100,), items),
        tuple(f"A. Author, {'Words ' * 20}, arXiv:{k:04d}.01234" for k in range(20)),
        {"command": "dmft solve " + "--option value " * 30, "versions": {"dmft": "1"}},
    )  # fmt: skip


def test_info_fits_on_a_screen(large_run):
    lines = file_lines(large_run)
    assert len(lines) <= LINES
    assert max(map(places, lines)) <= COLUMNS
    text = "\n".join(lines)
    assert "parameters  alpha=7.0 " in text, "what differs from the defaults comes first"
    first = ("quantity_number_0", "function_number_0(t)", "arXiv:0000.01234")
    for word in ("sgd: ", "converged", *first, "deviate", "-v"):
        assert word in text
    whole = "\n".join(file_lines(large_run, whole=True))
    assert all(item.name in whole for item in (*SCALARS, *CURVES))
    assert all(source.split()[-1] in whole for source in large_run.references)


def test_info_of_a_sweep_fits_on_a_screen():
    shape = (3, 3, 3)
    scalars = {
        item.name: Observable(item.name, "q", "a quantity", ("a", "b", "c")).curve(np.ones(shape)) for item in SCALARS
    }
    axes = {name: Coordinate(name, np.arange(3.0), name, "") for name in ("a", "b", "c")}
    failures = tuple({"point": {"a": k}, "error": "words " * 50} for k in range(9))
    diagram = PhaseDiagram(
        "sgd", "theory", {f"parameter_{k}": k for k in range(40)}, {"seed": 0}, ("a", "b", "c"), axes,
        np.ones(shape, dtype=np.int8), np.zeros(shape, dtype=np.int64), failures,
        Solution(scalars, axes, Status("converged", "")), references=("A. Author, arXiv:1234.01234",) * 9,
    )  # fmt: skip
    lines = sweep_file_lines(diagram)
    assert len(lines) <= LINES
    assert max(map(places, lines)) <= COLUMNS
    assert len(sweep_file_lines(diagram, whole=True)) > LINES


def test_scalars_stand_side_by_side_before_any_is_left_out():
    curves = [item.curve(np.float64(1.0)) for item in SCALARS]
    assert len(scalar_lines(curves)) == 30
    assert all(item.name in "\n".join(scalar_lines(curves[:11], 6)) for item in SCALARS[:11])
    assert scalar_lines(curves, 6)[-1] == "  … more scalars: dmft info FILE -v"


def test_what_deviates_most_comes_first(large_run):
    lines = comparison_lines(large_run.comparison, 3)
    assert [line.split()[0] for line in lines[-4:-1]] == [f"function_number_{k}" for k in (29, 28, 27)]
    assert lines[-1] == "  … and 27 that deviate less"


def test_columns_are_straight_beside_accents():
    first, second = table([("η̃", "rate"), ("eta", "rate")])
    assert places("η̃") == 1
    assert places(first.partition("rate")[0]) == places(second.partition("rate")[0])


@pytest.mark.parametrize("slug", dmft.models())
def test_all_about_a_model_is_said_within_the_screen(slug):
    model = dmft.models()[slug]
    lines = model_lines(model)
    assert max(map(places, lines)) <= COLUMNS
    words = " ".join(" ".join(lines).split())
    for item in (*model.declared(), *model.method.declared()):
        assert item.option in words
        assert f"{item.doc}{f' [{item.unit}]' if item.unit else ''}; {item.allowed}" in words
    for item in model.observables:
        assert f"{item.name} {item.symbol} " in words
        assert item.long_name in words
    assert all(source in words for source in model.references)
    others = [other for other in dmft.models() if other.partition("/")[0] == slug.partition("/")[0] and other != slug]
    assert all(f" {other} " in words for other in others)
