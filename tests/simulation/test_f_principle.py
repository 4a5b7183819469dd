"""Twins of the f-principle family: against theory, the numbers of the literature, bits, interruption."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import MemoryLimitError
from dmft.results.progress import Progress
from dmft.results.statistics import two_sigma_factor
from dmft.simulation.f_principle import neurons
from dmft.theory.f_principle import FPrinciple

CIRCLE = {"samples": 16, "max_frequency": 4, "steps": 300, "learning_rate": 0.05}
LINE = {"size": 300, "replicas": 3, "seed": 4}
DEEP = {"widths": "12,8", "steps": 60, "learning_rate": 1e-2, "size": 12, "replicas": 3, "target_loss": 0.0}
SLUGS = {
    "f-principle": {**CIRCLE, "size": 64, "replicas": 3},
    "f-principle/lfp": LINE,
    "f-principle/training": DEEP,
}


def test_neurons_fill_the_gaps_between_gates_equally():
    assert neurons(FPrinciple(), 2000) == 2040
    assert neurons(FPrinciple(samples=61), 200) == 244
    assert neurons(FPrinciple(directions="random"), 333) in (332, 334)
    assert neurons(FPrinciple(), 2) == 120


@pytest.mark.parametrize(("bias", "samples"), [(True, 16), (False, 18), (True, 17)])
def test_kernel_of_evenly_spread_directions_is_exact(bias, samples):
    options = {**CIRCLE, "bias": bias, "samples": samples, "steps": 1}
    run = dmft.compare("f-principle", size=4 * samples, replicas=2, **options)
    np.testing.assert_allclose(run.simulation["eigenvalue"].values, run.theory["eigenvalue"].values, atol=1e-12)


def test_lazy_network_takes_the_predicted_steps():
    """With a large output scale to far less than a step, for one of 240 neurons."""
    options = {"output_scale": 1e4, "samples": 60, "max_frequency": 5, "steps": 900}
    run = dmft.compare("f-principle", size=240, replicas=2, **options)
    np.testing.assert_allclose(run.simulation["time_to_fit"].values, run.theory["time_to_fit"].values, rtol=1e-3)


def test_rich_network_is_slower():
    """The smaller the output scale, the more the weights move, and the further from the theory they are."""
    options = {**CIRCLE, "steps": 600, "size": 64, "replicas": 2}
    runs = [dmft.compare("f-principle", output_scale=scale, **options) for scale in (1000.0, 3.0, 0.3)]
    moved = [run.simulation.scalars["weight_displacement"].last for run in runs]
    away = [np.abs(run.simulation["train_loss"].values / run.theory["train_loss"].values - 1.0).max() for run in runs]
    assert moved[0] < 0.01 * moved[1] < 0.01 * moved[2]
    assert away[0] < 0.01 < 0.05 < away[1] < away[2]


def test_random_directions_agree_with_theory():
    run = dmft.compare("f-principle", directions="random", size=[64, 128, 256], replicas=16, seed=3, **CIRCLE)
    assert run.comparison.verdict == "agrees", run.comparison.message


@pytest.mark.slow
def test_numbers_of_the_sheet():
    run = dmft.compare("f-principle", size=1920, replicas=2)
    k = np.arange(2, 11)
    ratio = run.simulation["time_to_fit"].values[k] / run.theory["time_to_fit"].values[k]
    assert np.all(np.abs(ratio - 1.0) < 0.015)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight_range": 10.0, "output_range": 0.0, "bias_range": 2.0},  # slow modes, which are not learned at the end
        pytest.param({"activation": "tanh"}, marks=pytest.mark.slow),
        pytest.param({"dimension": 2}, marks=pytest.mark.slow),
    ],
)
def test_wide_network_follows_its_tangent_kernel(options):
    """z-scores with the standard errors of the replicas, extrapolated in 1/N."""
    sizes = [300, 600, 1200]
    run = dmft.compare("f-principle/lfp", kernel="tangent", size=sizes, replicas=8, seed=1, **options)
    assert run.comparison.verdict == "agrees", run.comparison.message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "published"),
    [({}, 0.006), ({"weight_range": 0.2, "output_range": 1.0, "bias_range": 1.0}, 0.014)],
)
def test_distance_of_network_and_lfp(options, published):
    """One published network each: no further from the mean of ours than single networks scatter, three times."""
    run = dmft.simulate("f-principle/lfp", size=10000, replicas=8, **options)
    distance = run.scalars["rms_difference"]
    scatter = distance.last_stderr / two_sigma_factor(8) * np.sqrt(8)
    assert abs(distance.last - published) < 3.0 * scatter


def test_low_frequency_first():
    """The claim of the papers on a network small enough for a test."""
    run = dmft.simulate(
        "f-principle/training", half_range=4.0, samples=40, widths="60,60", start_deviation=0.2, learning_rate=2e-3,
        steps=3000, size=60, replicas=2, precision="float32", target_loss=0.02,
    )  # fmt: skip
    low, high = run["time_to_fit"].values
    assert low < 0.5 * high < np.inf
    error = run["peak_error"].values
    assert np.all(error[-1] < 0.1 * error[0])
    plane = run["output_information"].values
    assert plane[-1] > plane[0]
    assert np.all(plane <= run["output_entropy"].values + 1e-12)


def test_widths_of_another_size_keep_the_tangent_kernel():
    """Gradient descent on a lazy network of one layer: the same curves for other widths, within their errors."""
    options = {
        "optimiser": "sgd", "widths": "40", "start_deviation": 0.3, "half_range": 1.5, "samples": 12, "steps": 100,
        "learning_rate": 0.04, "target_loss": 0.0, "replicas": 16,
    }  # fmt: skip
    small, large = (dmft.simulate("f-principle/training", size=size, **options)["train_loss"] for size in (40, 160))
    z = (small.values - large.values) / np.hypot(small.stderr, large.stderr)
    assert np.abs(z).max() < 5.0
    assert large.values[-1] < 0.9 * large.values[0]


def test_digits_split_into_low_and_high():
    pytest.importorskip("sklearn", reason="scikit-learn, which brings the digits, is not installed")
    run = dmft.simulate(
        "f-principle/training", target="digits", samples=60, widths="30,30", start_deviation=0.15, size=30, replicas=2,
        learning_rate=3e-3, steps=150, target_loss=0.0,
    )  # fmt: skip
    low, high = run["low_pass_error"].values, run["high_pass_error"].values
    assert low.shape == high.shape == (151, 6)
    below = [int(np.argmax(part[:, 3] < 0.5)) for part in (low, high)]
    assert 0 < below[0] < below[1]
    assert "peak_error" not in run


@pytest.mark.parametrize("slug", SLUGS)
def test_seed_and_threads_give_the_bits(slug, monkeypatch):
    first = dmft.simulate(slug, **SLUGS[slug])
    monkeypatch.setattr("dmft.simulation.backend.threads", lambda: 3)
    second = dmft.simulate(slug, **SLUGS[slug])
    for name in first:
        np.testing.assert_array_equal(first[name].values, second[name].values)
    other = dmft.simulate(slug, **{**SLUGS[slug], "seed": 9})
    assert not np.array_equal(first["train_loss"].values, other["train_loss"].values)


@pytest.mark.parametrize("slug", SLUGS)
def test_float32_is_close(slug):
    exact, short = (dmft.simulate(slug, precision=kind, **SLUGS[slug]) for kind in ("float64", "float32"))
    early = slice(0, 30)
    np.testing.assert_allclose(short["train_loss"].values[early], exact["train_loss"].values[early], rtol=2e-3)


@pytest.mark.parametrize("slug", SLUGS)
def test_an_interrupt_keeps_what_there_is(slug):
    class Impatient(Progress):
        calls = 0

        def update(self, done):
            self.calls += 1
            if self.calls == 20:
                raise KeyboardInterrupt

    run = dmft.simulate(slug, progress=Impatient(), **SLUGS[slug])
    assert run.status.code == "interrupted"
    whole = dmft.simulate(slug, **SLUGS[slug])
    count = len(run["train_loss"].values)
    assert 0 < count < len(whole["train_loss"].values)
    assert np.isfinite(run["train_loss"].values).all()


@pytest.mark.parametrize("slug", SLUGS)
def test_saved_and_drawn(slug, tmp_path):
    run = dmft.simulate(slug, **SLUGS[slug])
    again = dmft.load(run.save(tmp_path / "run.h5"))
    assert list(again) == list(run)
    panels = [panel for panel in again.figure if panel.y in again]
    assert len(panels) > 1
    for panel in panels[:1] + panels[-1:]:  # a curve and a map
        again.plot([panel]).savefig(tmp_path / "run.png", dpi=50)


@pytest.mark.parametrize("slug", SLUGS)
def test_too_large_for_the_memory(slug):
    with pytest.raises(MemoryLimitError, match="try"):
        dmft.simulate(slug, **{**SLUGS[slug], "size": 10**9})


def test_divergence_keeps_the_data():
    run = dmft.simulate("f-principle/training", optimiser="sgd", **{**DEEP, "learning_rate": 1e9, "activation": "relu"})
    assert run.status.code == "diverged"
    assert "try a smaller --learning-rate" in run.status.message
    assert np.isfinite(run["train_loss"].values).all()
