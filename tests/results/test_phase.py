"""Phase diagrams: the file gives back every bit, figures show every point, the contour is where things change."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

import dmft
from dmft.errors import FileFormatError, OutputError, ParameterError, UnknownNameError
from dmft.results.curve import Coordinate, Observable
from dmft.results.figures import STYLE
from dmft.results.phase import SCATTERED, STATES, PhaseDiagram
from dmft.results.phase_figures import plot
from dmft.results.phase_maps import transition
from dmft.results.phase_slices import MOST_SLICES
from dmft.results.phase_view import is_logarithmic, label_axis
from dmft.results.solution import Solution
from dmft.results.status import Status

ALPHA = Coordinate("alpha", np.geomspace(0.1, 10.0, 9), "α", "load")
RATE = Coordinate("rate", np.linspace(1.0, 2.0, 7), "η", "learning rate")
DATA = Coordinate("data", np.array(["two-cluster", "Überall"]), "", "data set")
T = Coordinate("t", np.arange(4.0), "t", "time")


def make(*axes, noise=0.0, simulation=False, **changes):
    """A step in the logarithm of the first axis at 1, with an error bar of 0.1."""
    shape = tuple(len(axis.values) for axis in axes)
    first = axes[0].values if axes[0].values.dtype.kind != "U" else 1.0 + np.arange(shape[0])
    step = np.broadcast_to(np.tanh(3.0 * np.log(first)).reshape(-1, *(1,) * (len(axes) - 1)), shape)
    rng = np.random.default_rng(1)
    names = tuple(axis.name for axis in axes)

    def solution(scale):
        values = step + scale * rng.standard_normal(shape)
        order = Observable("order", "m_end", "order parameter", names).curve(values, np.full(shape, 0.1))
        path = values[..., None] * np.arange(1.0, 5.0)
        path[(0,) * len(shape)][2:] = np.nan  # this point stopped earlier
        curve = Observable("path", "p", "a curve", (*names, "t")).curve(path)
        coordinates = {axis.name: axis for axis in (*axes, T)}
        return Solution({"order": order, "path": curve}, coordinates, Status("converged", "done"), 8)

    given = {
        "model": "sgd", "kind": "theory", "parameters": {"steps": 3}, "method": {"seed": 1}, "axes": names,
        "coordinates": {axis.name: axis for axis in axes}, "states": np.ones(shape, dtype=np.int8),
        "seeds": np.arange(step.size, dtype=np.int64).reshape(shape), "theory": solution(noise),
        "simulation": solution(0.1) if simulation else None, "changed": {"T": 3}, "identity": "abc",
        "provenance": {"versions": {}, "command": "", "created": "", "wall_time": 1.0, "platform": ""},
    }  # fmt: skip
    return PhaseDiagram(**{**given, **changes})


def scattered():
    rng = np.random.default_rng(0)
    x = Coordinate("alpha", np.exp(rng.uniform(-2, 2, 40)), "α", "load", dim=SCATTERED)
    y = Coordinate("rate", rng.uniform(1.0, 2.0, 40), "η", "learning rate", dim=SCATTERED)
    curve = Observable("order", "m", "order parameter", (SCATTERED,)).curve(np.tanh(3 * np.log(x.values)))
    theory = Solution({"order": curve}, {"alpha": x, "rate": y}, Status("converged", "done"))
    diagram = make(ALPHA)
    states, seeds = np.ones(40, dtype=np.int8), np.zeros(40, dtype=np.int64)
    return dataclasses.replace(
        diagram, axes=(SCATTERED,), coordinates={"alpha": x, "rate": y}, states=states, seeds=seeds, theory=theory
    )


@pytest.mark.parametrize("version", [1, 2])
def test_golden_file(version):
    """As for runs; what was made then is what is made now, up to the rounding of tanh and exp."""
    found = dmft.load(Path(__file__).with_name(f"phase-{version}.h5"))
    expected = make(ALPHA, DATA, simulation=True, failures=({"point": {"alpha": 0.1}, "error": "no such luck"},))
    for name in ("model", "kind", "axes", "parameters", "method", "changed", "failures", "identity", "provenance"):
        assert getattr(found, name) == getattr(expected, name), name
    np.testing.assert_array_equal(found.seeds, expected.seeds)
    assert found.coordinates["data"].values.tolist() == DATA.values.tolist()
    for part in ("theory", "simulation"):
        one, two = getattr(found, part), getattr(expected, part)
        assert list(one) == list(two)
        for name in two:
            np.testing.assert_allclose(one[name].values, two[name].values, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("axes", [(ALPHA,), (ALPHA, RATE), (ALPHA, DATA), (DATA, RATE)])
def test_file_gives_back_every_bit(tmp_path, axes):
    diagram = make(*axes, failures=({"point": {"alpha": 0.1}, "error": "no such luck"},))
    path = diagram.save(tmp_path / "phase.h5")
    again = dmft.load(path)
    assert isinstance(again, PhaseDiagram)
    for name in ("model", "kind", "axes", "parameters", "method", "changed", "failures", "identity", "provenance"):
        assert getattr(again, name) == getattr(diagram, name), name
    assert list(again.theory) == list(diagram.theory)
    for name, curve in diagram.theory.items():
        assert again.theory[name].values.tobytes() == curve.values.tobytes()
        assert again.theory[name].dims == curve.dims
    for axis in axes:
        assert again.coordinates[axis.name].values.tolist() == axis.values.tolist()
    with pytest.raises(OutputError, match="exists already"):
        diagram.save(path)


def test_file_of_scattered_points_opens_in_xarray(tmp_path):
    xarray = pytest.importorskip("xarray")
    diagram = scattered()
    path = diagram.save(tmp_path / "phase.h5")
    with xarray.open_datatree(path, engine="h5netcdf") as tree:
        assert tree.identical(diagram.to_xarray())
        assert set(tree["theory"]["order"].coords) == {"alpha", "rate"}


def test_each_loader_says_what_the_file_is(tmp_path):
    path = make(ALPHA).save(tmp_path / "phase.h5")
    with pytest.raises(FileFormatError, match="phase diagram of a sweep"):
        dmft.Run.load(path)
    other = dmft.solve("sgd/ridge", steps=2).save(tmp_path / "run.h5")
    with pytest.raises(FileFormatError, match="it holds a run"):
        PhaseDiagram.load(other)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FileFormatError):
        dmft.load(path)


def test_status_and_last_values():
    states = np.ones(9, dtype=np.int8)
    assert make(ALPHA).status.exit_code == 0
    states[1] = STATES.index("diverged")
    assert make(ALPHA, states=states.copy()).status.message == "all 9 points done (1 diverged)"
    states[2] = STATES.index("failed")
    assert make(ALPHA, states=states.copy()).status.exit_code == 5
    states[3] = 0
    diagram = make(ALPHA, states=states)
    assert diagram.status.exit_code == 130
    assert diagram.counts == {"missing": 1, "converged": 6, "not_converged": 0, "diverged": 1, "failed": 1}
    last = diagram.at_end("path")
    assert last.dims == ("alpha",)
    path = diagram["path"].values
    np.testing.assert_array_equal(last.values, [path[0, 1], *path[1:, 3]])
    assert list(diagram.scalars) == ["order"]
    assert diagram.observables == ("order", "path")
    with pytest.raises(UnknownNameError, match="order"):
        diagram.at_end("ordr")


def test_transition_is_in_the_steepest_change():
    assert transition(np.array([0.0, 0.1, 0.9, 1.0])) == pytest.approx(0.5)
    assert transition(np.array([[0.0, np.nan], [3.0, 4.0]])) == pytest.approx(1.5)
    assert transition(np.ones((3, 3))) is None
    assert transition(np.full((2, 2), np.nan)) is None
    assert transition(np.array([1.0, 10.0, 1e5])) == pytest.approx(1e3)  # over decades, of the logarithm


def test_curve_with_residual():
    figure = plot(make(ALPHA, simulation=True), ["order"])
    axes, below = figure.axes
    theory, simulation = axes.containers
    assert theory.get_label() == "theory"
    np.testing.assert_array_equal(theory[0].get_xdata(), ALPHA.values)
    assert theory[0].get_linestyle() == "-"
    assert simulation[0].get_linestyle() == "None"
    assert simulation.has_yerr
    assert axes.get_xscale() == "log"
    assert below.get_ylabel() == r"$\Delta/\sigma$"
    diagram = make(ALPHA, simulation=True)
    z = (diagram.simulation["order"].values - diagram.theory["order"].values) / np.hypot(0.1, 0.1)
    np.testing.assert_allclose(below.lines[-1].get_ydata(), z)


def test_map_with_contour_points_and_slices():
    states = np.ones((9, 7), dtype=np.int8)
    states[8, 6] = STATES.index("diverged")
    figure = plot(make(ALPHA, RATE, states=states), ["order"])
    left, right = figure.axes[:2]
    contours = [item for item in left.collections if hasattr(item, "levels")]
    assert len(contours) == 2
    lines = np.concatenate([path.vertices for path in contours[0].get_paths()])
    # the step is at α = 1, which is a point of the grid; its neighbours are a quarter decade away
    assert (np.abs(np.log10(lines[:, 0])) <= 0.25).all()
    good, bad = (line for line in left.lines if line.get_marker() in (".", "x"))
    assert (len(good.get_xdata()), len(bad.get_xdata())) == (62, 1)
    assert len(right.containers) == MOST_SLICES
    assert all(item.has_yerr for item in right.containers)
    assert left.get_xscale() == "log"


def test_the_contour_of_a_negative_value_is_solid():
    figure = plot(make(Coordinate("alpha", np.array([0.1, 0.2, 0.3]), "α", "load"), RATE), ["order"])
    contours = [item for item in figure.axes[0].collections if hasattr(item, "levels")]
    assert all(item.levels[0] < 0.0 and item.get_linestyle() == [(0, None)] for item in contours)
    assert len(contours) == 2


def test_whole_numbers_are_ticks_and_slices_name_the_simulation():
    whole = Coordinate("dimension", np.array([2, 3, 4]), "d", "dimension")
    left, right = plot(make(whole, RATE, simulation=True), ["order"]).axes[:2]
    for axes in (left, right):
        assert [text.get_text() for text in axes.get_xticklabels()] == ["2", "3", "4"]
    assert "simulation" in [text.get_text() for text in right.get_legend().get_texts()]


@pytest.mark.parametrize("axes", [(DATA,), (ALPHA, DATA), (DATA, RATE), (ALPHA, RATE, DATA), (ALPHA, RATE, T)])
def test_other_axes_are_drawn(axes):
    figure = plot(make(*axes, simulation=True))
    figure.canvas.draw()
    if len(axes) == 3:
        assert axes[2].name in figure._suptitle.get_text() or axes[2].symbol in figure._suptitle.get_text()


def test_scattered_points():
    figure = plot(scattered())
    axes = figure.axes[0]
    (points,) = (line for line in axes.lines if line.get_marker() == ".")
    assert len(points.get_xdata()) == 40
    lines = np.concatenate(
        [path.vertices for item in axes.collections if hasattr(item, "levels") for path in item.get_paths()]
    )
    assert 0.4 < np.exp(np.mean(np.log(lines[:, 0]))) < 2.5


def test_nothing_to_draw():
    empty = make(ALPHA, theory=None, states=np.zeros(9, dtype=np.int8))
    with pytest.raises(ParameterError, match="no data"):
        plot(empty)
    nothing = make(ALPHA, states=np.full(9, 4, dtype=np.int8))
    plot(nothing, ["order"]).canvas.draw()
    plot(make(ALPHA, RATE, states=np.full((9, 7), 3, dtype=np.int8)), ["order"]).canvas.draw()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ([0.25, 0.5, 1.0, 2.0, 5.0], ["0.25", "0.5", "1", "2", "5"]),
        ([1.0, 1.1, 10.0, 100.0], ["1", "", "10", "100"]),
        (np.geomspace(0.2, 4.0, 12), None),
        (np.geomspace(0.001, 10.0, 12), None),
    ],
    ids=["few", "close", "one decade", "four decades"],
)
def test_names_on_logarithmic_axes_do_not_overlap(values, named):
    values = np.asarray(values)
    item = Coordinate("x", values, "x", "x")
    assert is_logarithmic(item)
    with matplotlib.rc_context(fname=STYLE):
        figure = Figure((3.4, 2.0))
        axes = figure.add_subplot()
        axes.plot(values, values)
        label_axis(axes, "x", item)
        figure.draw_without_rendering()
        shown = [text for text in axes.get_xticklabels(which="both") if text.get_text()]
        low, high = axes.get_xlim()
        boxes = [text.get_window_extent() for text in shown if low <= text.get_position()[0] <= high]
    assert len(boxes) >= 2
    assert all(one.x1 < two.x0 for one, two in itertools.pairwise(sorted(boxes, key=lambda box: box.x0)))
    if named is not None:
        np.testing.assert_array_equal(axes.get_xticks(), values)
        assert [text.get_text() for text in axes.get_xticklabels()] == named


def test_infinite_neighbours_have_no_transition_and_no_warning():
    assert transition(np.array([[1.0, np.inf], [np.inf, np.inf]])) is None
