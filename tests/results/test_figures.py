"""Figures: what is drawn, where, with which words, and that files of them are whole and reproducible."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from dmft.errors import OutputError, ParameterError, UnknownNameError
from dmft.results import figures
from dmft.results.curve import Observable
from dmft.results.figures import plot, save_figure
from dmft.results.labels import mathematics, parameter_name, short_name, title
from dmft.results.panels import MARKS, residual
from dmft.results.solution import Solution
from dmft.results.status import Status


def panels(figure):
    """Axes by the words of their titles; residual panels and colour bars have none."""
    return {axes.get_title(loc="left"): axes for axes in figure.axes if axes.get_title(loc="left")}


def below(figure, axes):
    return next(other for other in figure.axes if other is not axes and axes.get_shared_x_axes().joined(axes, other))


def marks(axes):
    return [line for line in axes.lines if line.get_marker() == "o"]


def test_default_panels(run):
    figure = plot(run)
    assert list(panels(figure)) == [
        "(a) overlap with the signal", "(b) squared norm per weight", "(c) training loss per sample",
        "(d) error on fresh data", "(e) two-time correlation", "(f) response to a field",
    ]  # fmt: skip
    assert len(figure.axes) == 4 * 2 + 2, "a residual below each curve"
    assert figure.get_size_inches()[0] == 7.0
    assert figure.get_layout_engine() is not None


def test_theory_is_a_line_and_simulation_marks(run):
    axes = panels(plot(run))["(a) overlap with the signal"]
    (line,) = (line for line in axes.lines if line.get_label() == "theory")
    np.testing.assert_array_equal(line.get_xydata()[:, 1], run.theory["magnetization"].values)
    assert line.get_linestyle() == "-"
    (points,) = marks(axes)
    assert points.get_linestyle() == "None"
    shown = points.get_xydata()
    assert 10 < len(shown) <= MARKS
    assert set(shown[:, 1]) <= set(run.simulation["magnetization"].values)
    (bars,) = (item for item in axes.containers if item.has_yerr)
    (segments,) = (item.get_segments() for item in bars[2])
    np.testing.assert_allclose([np.ptp(segment[:, 1]) for segment in segments], 0.02)
    assert axes.get_ylabel() == "$m$"


def test_band_only_where_it_is_visible(run, make_run, make_solution):
    assert not panels(plot(run))["(a) overlap with the signal"].collections[1:], "error bars only"
    wide = make_run(theory=make_solution(1, noise=0.05), simulation=None)
    (band,) = panels(plot(wide))["(a) overlap with the signal"].collections
    curve = wide.theory["magnetization"]
    low = band.get_paths()[0].vertices[:, 1].min()
    np.testing.assert_allclose(low, (curve.values - 2 * curve.stderr).min())


def test_residual_panel(run):
    figure = plot(run)
    axes = panels(figure)["(a) overlap with the signal"]
    lower = below(figure, axes)
    (points,) = marks(lower)
    z = residual(run.theory["magnetization"], run.simulation["magnetization"])
    assert set(points.get_xydata()[:, 1]) <= set(z)
    np.testing.assert_array_equal(points.get_xydata()[:, 0], marks(axes)[0].get_xydata()[:, 0])
    expected = (run.simulation["magnetization"].values - run.theory["magnetization"].values) / np.hypot(1e-4, 1e-2)
    np.testing.assert_allclose(z, expected)
    assert lower.get_ylabel() == r"$\Delta/\sigma$"
    assert lower.get_xlabel() == "$t$ [s]"
    assert axes.get_xlabel() == ""
    assert lower.get_ylim()[0] <= -2.0 < 2.0 <= lower.get_ylim()[1]


def test_points_without_noise_have_no_residual(run):
    theory, simulation = run.theory["norm"], run.simulation["norm"]
    fixed = dataclasses.replace(simulation, stderr=np.where(np.arange(41) < 1, 0.0, simulation.stderr))
    exact = dataclasses.replace(theory, stderr=None)
    assert np.flatnonzero(np.isnan(residual(exact, fixed))).tolist() == [0]


def test_one_side_alone(make_run):
    for changes, words in (({"simulation": None}, ["theory"]), ({"theory": None}, ["simulation, $N=500$"])):
        figure = plot(make_run(comparison=None, **changes))
        assert len(figure.axes) == 4 + 2, "no residuals"
        assert [text.get_text() for text in figure.legends[0].get_texts()] == words


def test_different_times_are_not_subtracted(make_run, make_solution):
    simulation = make_solution(2, size=500)
    t = dataclasses.replace(simulation.coordinates["t"], values=0.3 * np.arange(41))
    other = dataclasses.replace(simulation, coordinates={**simulation.coordinates, "t": t})
    assert len(plot(make_run(simulation=other), ["norm"]).axes) == 1
    assert len(plot(make_run(simulation=make_solution(2, steps=20, size=500)), ["norm"]).axes) == 2, "stopped early"


def test_title_and_legend(run, make_run):
    figure = plot(run)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["theory", "simulation, $N=500$"]
    assert legend.get_title().get_text() == title(run)
    assert title(run).replace("\N{NO-BREAK SPACE}", " ") == "sgd: $α$ = $3$, data = two-cluster"
    failed = dataclasses.replace(run.theory, status=Status("not_converged", "more steps"))
    assert title(make_run(theory=failed)).endswith("(not converged)")
    assert plot(run, ["correlation"]).get_suptitle() == title(run), "no curve, no legend"


def test_maps(run):
    figure = plot(run, ["correlation", "response"])
    first, second = panels(figure).values()
    (mesh,) = first.collections
    assert mesh.get_rasterized()
    shown = mesh.get_array()
    theory, simulation = run.theory["correlation"].values, run.simulation["correlation"].values
    lower = np.tri(41, dtype=bool)
    np.testing.assert_array_equal(shown[lower], theory[lower])
    np.testing.assert_array_equal(shown[~lower], simulation.T[~lower])
    assert [text.get_text() for text in first.texts] == ["theory", "simulation, $N=500$"]
    bars = [axes.child_axes[0].get_ylabel() for axes in (first, second)]
    assert bars == ["$C(t,t′)$", "$R(t,t′)$"]
    assert (first.get_xlabel(), first.get_ylabel()) == ("$t′$ [s]", "$t$ [s]")


def test_causal_map_is_blank_above_its_diagonal(make_run):
    (mesh,) = panels(plot(make_run(simulation=None), ["response"]))["response to a field"].collections
    np.testing.assert_array_equal(np.ma.getmaskarray(mesh.get_array()), np.triu(np.ones((41, 41), dtype=bool)))


def test_diagonal_that_outshines_the_rest(run, make_run):
    kernel = run.theory["correlation"]
    bright = dataclasses.replace(kernel, values=kernel.values + 50.0 * np.eye(41))
    theory = dataclasses.replace(run.theory, curves={"correlation": bright})
    figure = plot(make_run(theory=theory, simulation=None), ["correlation"])
    (mesh,) = figure.axes[0].collections
    assert mesh.norm.vmax < 2.0
    signed = dataclasses.replace(kernel, values=kernel.values - 0.5)
    theory = dataclasses.replace(run.theory, curves={"correlation": signed})
    (mesh,) = plot(make_run(theory=theory, simulation=None), ["correlation"]).axes[0].collections
    assert mesh.norm.vmin == -mesh.norm.vmax


def test_named_observables(run):
    figure = plot(run, ["margins", "energy_density", "margins"])
    first, second = panels(figure).values()
    (line,) = (line for line in first.lines if line.get_label() == "theory")
    assert line.get_drawstyle() == "steps-mid"
    assert first.get_ylim()[0] == 0.0
    assert first.get_xlim()[0] > -3.5, "empty bins are cut off"
    assert second.get_ylabel() == "$e$ [J/m³]"
    assert plot(run, ["norm"]).get_size_inches()[0] == 3.4
    with pytest.raises(UnknownNameError, match="did you mean 'magnetization'"):
        plot(run, ["magnetisation"])
    with pytest.raises(ParameterError, match="final_norm has 0 axes"):
        plot(run, ["final_norm"])


def test_other_runs(make_run):
    """Curves over another axis, without coordinates, over decades; or scalars alone."""
    status = Status("converged", "")
    curves = {f"c{k}": Observable(f"c{k}", "c", "", ("lag",)).curve(np.exp(-np.arange(30.0))) for k in range(8)}
    figure = plot(make_run(theory=Solution(curves, {}, status), simulation=None, comparison=None))
    assert len(figure.axes) == 6
    assert figure.axes[0].get_yscale() == "log"
    scalars = {"e": Observable("e", "E_0", "energy", ()).curve(1.2345, 0.012)}
    figure = plot(make_run(theory=Solution(scalars, {}, status), simulation=None, comparison=None))
    assert figure.axes[0].texts[0].get_text() == "energy: $E_0$ = 1.234 ± 0.012"


@pytest.mark.parametrize("values", [np.full(5, np.nan), np.array([1.0]), np.array([1.0, np.inf, np.nan])])
def test_odd_values_can_be_drawn(values, make_run):
    stderr = np.full_like(values, np.nan)
    curves = {"c": Observable("c", "c", "odd").curve(values, stderr)}
    curves["k"] = Observable("k", "K", "odd", ("t", "t_prime")).curve(np.outer(values, values))
    side = Solution(curves, {}, Status("diverged", "smaller steps"), 2)
    for names in (["c"], ["k"], ["c", "k"]):
        plot(make_run(theory=side, simulation=side, comparison=None), names).draw_without_rendering()


@pytest.mark.parametrize("suffix", ["pdf", "png", "svg"])
def test_files(suffix, run, tmp_path):
    one, two = tmp_path / f"one.{suffix}", tmp_path / f"two.{suffix.upper()}"
    assert save_figure(plot(run, ["norm", "correlation"]), one) == one
    save_figure(plot(run, ["norm", "correlation"]), two)
    assert one.read_bytes() == two.read_bytes(), "no date, no random names"
    assert one.read_bytes().startswith({"pdf": b"%PDF", "png": b"\x89PNG", "svg": b"<?xml"}[suffix])
    save_figure(plot(run, ["norm"]), one)
    assert one.read_bytes() != two.read_bytes(), "an existing figure is replaced"


def test_files_that_cannot_be_written(run, tmp_path):
    figure = plot(run, ["norm"])
    for name, words in (
        ("x.jpg", "'.jpg': figures can be written as .pdf, .png, .svg"),
        ("none/x.pdf", "does not exist"),
    ):
        with pytest.raises(OutputError, match=words):
            save_figure(figure, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_pyplot_is_left_alone(run):
    code = "import dmft.results.figures, sys; print('matplotlib.pyplot' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
    matplotlib = pytest.importorskip("matplotlib")
    before = dict(matplotlib.rcParams)
    plot(run, ["norm"])
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("m", "$m$"), ("ε_test", r"$ε_{\mathrm{test}}$"), ("t'", "$t′$"), ("seed", r"$\mathrm{seed}$"),
        ("50%", r"$50\%$"), ("ln g_l", r"$\mathrm{ln}\ g_{\mathrm{l}}$"),
        ("ln|tan φ|", r"$\mathrm{ln}\,|\mathrm{tan}\ φ|$"),
        ("dlnη/dlnB", r"$d\mathrm{ln}\,η/d\mathrm{ln}\,B$"), ("BN, test", r"$\mathrm{BN},\ \mathrm{test}$"),
        ("T_eff_end", r"$T_{\mathrm{eff,end}}$"), ("maximum", r"$\mathrm{maximum}$"),
        ("8 w*² t² L", r"$8\ w^{*}²\ t²\ L$"), ("λ*_δ", "$λ^{*}_δ$"),
        ("a$b", r"$a\$b$"), ("x^", "x^"), ("", ""),
    ],
)  # fmt: skip
def test_symbols(symbol, expected):
    assert mathematics(symbol) == expected


def test_names_of_parameters():
    assert [parameter_name(name) for name in ("t_max", "hidden_layers")] == [r"$t_{\mathrm{max}}$", "hidden layers"]


def test_short_names():
    scalar = Observable("e", "E", "energy, per spin (exact)", ())
    assert short_name(scalar.curve(1.0)) == "energy"


def test_html(run):
    text = dataclasses.replace(run, model="<script>")._repr_html_()
    for words in ("&lt;script", "converged", "agrees", "alpha", "C_end = ", "± 0.00010", 'src="data:image/png;base64,'):
        assert words in text
    assert "<script" not in text


def test_html_without_matplotlib(run, monkeypatch):
    def broken(*arguments):
        raise RuntimeError("no fonts <here>")

    monkeypatch.setattr(figures, "plot", broken)
    text = run._repr_html_()
    assert "No figure: no fonts &lt;here&gt;" in text
    assert "alpha" in text
    monkeypatch.setitem(sys.modules, "dmft.results.figures", None)
    assert "No figure" in run._repr_html_()


def test_notebooks_show_the_figure(run):
    assert plot(run, ["norm"])._repr_png_().startswith(b"\x89PNG")
