"""Figures that a model declares: parametric panels, guides, logarithmic axes, maps; kept in the file."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

import dmft
from dmft.errors import DMFTError, ParameterError
from dmft.results.curve import Coordinate, Observable
from dmft.results.figures import chosen, plot
from dmft.results.hdf5 import save
from dmft.results.picture import Guide, Panel
from dmft.results.run import Run
from dmft.results.scales import cell_edges, tick_logarithm, tick_numbers
from dmft.results.solution import Solution
from dmft.results.status import Status
from dmft.theory.base import Model
from dmft.theory.registry import register

LAG = ("lag",)
CHI, TEMPERATURE = np.array([0.2, 0.5, 0.9, 1.4]), 0.3


def solution(sign: float = 0.0) -> Solution:
    """Equilibrium B = 2Tχ at temperature T, with errors; a law for it, and a map over (band, lag)."""
    made = {
        "chi": (Observable("chi", "χ", "susceptibility", LAG), CHI * (1.0 + 0.01 * sign)),
        "B": (Observable("B", "B", "displacement", LAG), 2.0 * TEMPERATURE * CHI),
        "law": (Observable("law", "χ_0", "law", LAG), CHI**2),
        "T": (Observable("T", "T", "temperature", ()), np.array(TEMPERATURE)),
        "frozen": (Observable("frozen", "T_f", "temperature of nothing", ()), np.array(0.0)),
        "missing": (Observable("missing", "x", "not a number", ()), np.array(np.nan)),
        "spectrum": (Observable("spectrum", "S", "power of a band", ("band", "lag")), np.outer([1, 10, 1e4], CHI)),
    }
    curves = {name: item.curve(values, 0.02 * np.abs(values)) for name, (item, values) in made.items()}
    coordinates = {
        "lag": Coordinate("lag", np.arange(1, 5), "k", "lag in steps"),
        "lag_time": Coordinate("lag_time", 0.1 * np.arange(1, 5), "t", "lag in time", dim="lag"),
        "band": Coordinate("band", np.array([0.0, 1.0, 10.0]), "f", "frequency"),
    }
    return Solution(curves, coordinates, Status("converged", ""), 8, {"size": 100} if sign else {})


@pytest.fixture(scope="module")
def figure_run(make_run):
    return make_run(theory=solution(), simulation=solution(1.0), comparison=None, figure=())


def drawn(run, panel):
    return plot(run, [panel]).axes[0]


def dashed(axes):
    return [line for line in axes.lines if line.get_linestyle() not in ("-", "None")]


def test_parametric_panel(figure_run):
    axes = drawn(figure_run, Panel("chi", x="B"))
    (line,) = (line for line in axes.lines if line.get_label() == "theory")
    np.testing.assert_array_equal(line.get_xydata(), np.transpose([2.0 * TEMPERATURE * CHI, CHI]))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$B$", "$χ$")
    assert len(axes.figure.axes) == 1, "theory and simulation stand at different places: no residual"
    (bars,) = (item for item in axes.containers if item.has_yerr)
    assert bars.has_xerr
    lines = bars[2]
    np.testing.assert_allclose([np.ptp(segment[:, 0]) for segment in lines[0].get_segments()], 0.04 * 0.6 * CHI)
    assert len(axes.collections) == 2 + 2, "bands along both axes"


def test_lines_through_the_origin(figure_run):
    guides = (Guide("T", "x/y", 2.0), Guide("T", "y/x", label="$slope$"), Guide("frozen", "x/y"), Guide("missing"))
    axes = drawn(figure_run, Panel("chi", x="B", log="", guides=guides))
    first, second, third = dashed(axes)
    x, y = first.get_xydata().T
    np.testing.assert_allclose(x, 2.0 * TEMPERATURE * y, atol=1e-15)
    assert (y.min(), y.max()) == (0.0, CHI.max())
    np.testing.assert_allclose(second.get_ydata(), TEMPERATURE * second.get_xdata())
    assert not third.get_xdata().any(), "no temperature: upright"
    assert [line.get_linestyle() for line in (first, second, third)] == ["--", ":", "-."]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["$T$", "$slope$", r"$T_{\mathrm{f}}$"]
    assert [text.get_text() for text in axes.figure.legends[0].get_texts()] == ["theory", "simulation, $N=100$"]


def test_a_steep_line_ends_where_the_data_do(figure_run):
    axes = drawn(figure_run, Panel("chi", x="B", log="xy", guides=(Guide("T", "x/y", 200.0), Guide("T", "x/y", 2.0))))
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    (line,) = (line for line in dashed(axes) if len(line.get_xdata()))
    assert line.get_xdata().min() >= 0.6 * CHI.min() * (1 - 1e-12)


def test_laws_over_the_axis(figure_run):
    axes = drawn(figure_run, Panel("chi", x="lag_time", guides=(Guide("law"), Guide("T", factor=2.0))))
    curve, level = dashed(axes)
    np.testing.assert_array_equal(curve.get_xydata(), np.transpose([0.1 * np.arange(1, 5), CHI**2]))
    assert set(level.get_ydata()) == {0.6}
    axes.figure.draw_without_rendering()


@pytest.mark.parametrize(("log", "scales"), [("x", ("log", "linear")), ("", ("linear", "linear"))])
def test_logarithms_are_chosen(figure_run, log, scales):
    axes = drawn(figure_run, Panel("chi", log=log))
    assert (axes.get_xscale(), axes.get_yscale()) == scales


def test_steps_have_no_halves(figure_run):
    ticks = drawn(figure_run, Panel("chi")).get_xticks()
    np.testing.assert_array_equal(ticks, ticks.round())


def tick_names(axis):
    axis.axes.figure.draw_without_rendering()
    low, high = axis.get_view_interval()
    shown = zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=True)
    return [label.get_text() for place, label in shown if low <= place <= high]


def test_few_points_of_a_logarithmic_axis_are_its_ticks():
    axes = Figure().subplots()
    axes.set(xscale="log", xlim=(2, 32), yscale="log", ylim=(0.03, 0.4))
    tick_logarithm(axes.xaxis, np.array([2, 4, 8, 16, 32]))
    tick_logarithm(axes.yaxis, np.array([0.03, 0.4]), at_points=False)
    assert tick_names(axes.xaxis) == ["2", "4", "8", "16", "32"]
    assert tick_names(axes.yaxis) == ["0.05", "0.1", "0.2"]


def test_ticks_far_from_one_are_powers():
    axes = Figure().subplots()
    axes.set(xscale="log", xlim=(1e-5, 2e6))
    tick_logarithm(axes.xaxis, np.array([1e-5, 2e-4, 1.0, 2e6]))
    assert tick_names(axes.xaxis) == ["$10^{-5}$", r"$2\times10^{-4}$", "1", r"$2\times10^{6}$"]


def test_few_points_that_count_are_ticks():
    axes = Figure().subplots()
    axes.set_xlim(1, 3)
    tick_numbers(axes.xaxis, np.array([1.0, 2.0, 3.0]))
    assert tick_names(axes.xaxis) == ["1", "2", "3"]
    before = axes.yaxis.get_major_locator()
    tick_numbers(axes.yaxis, np.array([0.5, 1.0]))
    assert axes.yaxis.get_major_locator() is before, "these are no counts"


def test_a_family_of_one_axis_is_a_curve(figure_run):
    figure = plot(figure_run, [Panel("chi", family="band")])
    assert [axes.get_ylabel() for axes in figure.axes] == [r"$χ$", r"$\Delta/\sigma$"]


def test_laws_of_a_family_are_named_in_its_panel_alone(figure_run):
    guides = (Guide("T"), Guide("frozen"), Guide("missing"), Guide("T", factor=2.0, label="twice"))
    figure = plot(figure_run, [Panel("spectrum", family="band", guides=guides), Panel("chi")])
    names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert names[3:] == ["$T$", r"$T_{\mathrm{f}}$", "$x$", "twice"]
    assert len({str(line.get_linestyle()) + str(line._dash_pattern) for line in figure.axes[0].lines[-4:]}) == 4
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["theory", "simulation, $N=100$"]


def test_a_map_stands_beside_the_last_curve(figure_run):
    """Of one curve with a residual and one map: one row, the map as high as the curve and its residual."""
    figure = plot(figure_run, [Panel("chi"), Panel("spectrum")])
    axes = {item.get_title(loc="left")[:3]: item.get_subplotspec() for item in figure.axes}
    assert [axes[letter].colspan.start for letter in ("(a)", "(b)")] == [0, 1]
    assert axes["(a)"].rowspan.start == axes["(b)"].rowspan.start == 0
    assert axes["(b)"].rowspan.stop == figure.axes[0].get_gridspec().nrows


def test_maps_over_any_axes(figure_run):
    axes = drawn(figure_run, Panel("spectrum", log="yz"))
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")
    (mesh,) = axes.collections
    assert mesh.get_array().shape == (2, 4), "frequency 0 has no logarithm"
    assert (mesh.norm.vmin, mesh.norm.vmax) == (0.2, 14000.0)
    np.testing.assert_allclose(mesh.get_coordinates()[:, 0, 1], 10.0 ** np.array([-0.5, 0.5, 1.5]))
    axes.figure.draw_without_rendering()
    assert drawn(figure_run, Panel("spectrum")).collections[0].get_array().shape == (3, 4)


def test_cell_edges():
    np.testing.assert_allclose(cell_edges(np.array([1, 2, 4]), False), [0.5, 1.5, 3.0, 5.0])
    np.testing.assert_allclose(cell_edges(np.array([1.0, 10.0]), True), 10.0 ** np.array([-0.5, 0.5, 1.5]))
    np.testing.assert_allclose(cell_edges(np.array([3.0]), False), [2.5, 3.5])


def test_declared_panels_are_the_default(figure_run):
    figure = (Panel("chi", x="B", title="plot"), Panel("chi", log="x"), Panel("absent"), Panel("chi", x="absent"))
    run = dataclasses.replace(figure_run, figure=figure)
    assert chosen(run, None) == list(figure[:2])
    assert chosen(run, ["chi"]) == chosen(run, "chi") == [figure[1]], "a name is the panel over its axis"
    assert chosen(run, Panel("law")) == [Panel("law")]
    assert chosen(run, ["law", Panel("law")]) == [Panel("law")]
    assert drawn(run, figure[0]).get_title(loc="left") == "plot"
    assert chosen(figure_run, None) == [Panel("chi"), Panel("B"), Panel("law"), Panel("spectrum")]


def test_a_panel_without_a_common_axis(figure_run):
    for x in ("T", "band", "spectrum", "nothing"):
        with pytest.raises(ParameterError, match=f"chi cannot be drawn against '{x}'"):
            plot(figure_run, [Panel("chi", x=x)])


def test_mistakes_in_declarations():
    with pytest.raises(ValueError, match="ratio = 'x'"):
        Guide("T", "x")
    with pytest.raises(ValueError, match="log = 'w'"):
        Panel("chi", log="w")

    class Broken(Model):
        slug = "broken"
        observables = (Observable("norm", "C", "norm"),)
        figure = (Panel("nrom"),)

    with pytest.raises(DMFTError, match=r"'broken' has no such observables.*nrom"):
        register(Broken)


def test_files_keep_the_figure(figure_run, tmp_path):
    figure = (Panel("chi", "B", "xy", (Guide("T", "x/y", 2.0, "$T$"), Guide("law")), "plot"), Panel("B"))
    run = dataclasses.replace(figure_run, figure=figure)
    save(run, tmp_path / "run.h5")
    assert Run.load(tmp_path / "run.h5").figure == figure


def test_every_model_shows_what_it_declares():
    """Declared observables exist; what leads the figure is what the variant is about."""
    leading = {slug: cls.figure[0].y for slug, cls in dmft.models().items() if cls.figure}
    expected = {"sgd/temperature": "susceptibility", "sgd/replicas": "distance", "sgd/boundary": "gaps"}
    assert expected.items() <= leading.items()


def test_declarations_are_light():
    code = "import dmft; dmft.Panel, dmft.Guide; import sys; print('numpy' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
