"""Twins of the normalisation models against their theory, and trained networks on small data of one's own."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError
from dmft.simulation.group_norm_training import _name

CASES = {
    "bn": {"batch": 4},
    "bn-two": {"batch": 2},
    "gn": {"norm": "gn", "groups": 16, "channels": 64},
    "ln": {"norm": "ln", "channels": 6, "groups": 2},
    "in": {"norm": "in", "pixels": 5},
}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_noise_of_the_layers_agrees_with_theory(options):
    run = dmft.compare("group-norm", replicas=8, size=1000, seed=3, **options)
    assert run.comparison.verdict == "agrees", run.comparison.message
    assert "noise_against_batch" in run.comparison.observables
    if options != {"batch": 2}:  # two values are ±1, one half below each level
        assert "distribution" in run.comparison.observables
    for name in ("noise", "kurtosis"):
        found, expected = run.simulation[name], run.theory[name]
        z = abs(found.values - expected.values)
        assert z <= 4.0 * found.stderr + 1e-9 * expected.values


def test_values_stay_below_the_bound():
    from dmft.simulation.networks.norms import normalisation

    x = np.random.default_rng(0).standard_cauchy((3, 7, 1, 2))
    outputs, _ = normalisation("bn", affine=False, epsilon=0.0).forward(np, {}, x)
    assert np.abs(outputs).max() <= np.sqrt(6.0) * (1 + 1e-12)
    assert np.abs(outputs).max() > 0.9 * np.sqrt(6.0)


def test_twins_are_deterministic():
    for slug, options in (("group-norm", {"size": 50}), ("group-norm/gradient", {"size": 40, "depth": 4})):
        first, second = (dmft.simulate(slug, replicas=3, seed=5, **options) for _ in range(2))
        for name in first.simulation:
            np.testing.assert_array_equal(first[name].values, second[name].values)
        other = dmft.simulate(slug, replicas=3, seed=6, **options)
        assert any(not np.array_equal(first[name].values, other[name].values) for name in first.simulation)


@pytest.mark.parametrize(
    "options",
    [{"batch": 8}, {"batch": 16, "activation": "relu"}, {"norm": "gn", "activation": "relu"}, {"norm": "ln"}],
    ids=["linear", "relu", "gn", "ln"],
)
def test_growth_of_the_gradient_agrees_with_theory(options):
    run = dmft.compare("group-norm/gradient", replicas=8, size=[100, 200], depth=12, seed=2, **options)
    assert run.comparison.verdict == "agrees", run.comparison.message


@pytest.mark.parametrize("activation", ["identity", "relu"])
def test_growth_with_few_channels_a_group(activation):
    options = {"norm": "gn", "groups": 20, "size": 160, "batch": 3, "depth": 8, "activation": activation}
    found = dmft.simulate("group-norm/gradient", replicas=40, seed=4, **options)["growth"]
    assert abs(float(found.values) - 6.0 / 5.0) < 4.0 * float(found.stderr)  # (n − 2)/(n − 3) with n = 8


@pytest.mark.slow
@pytest.mark.parametrize(("options", "expected"), [({"batch": 8}, 1.2), ({"batch": 128, "activation": "relu"}, 1.4797)])
def test_growth_at_the_widths_of_the_reference(options, expected):
    run = dmft.compare("group-norm/gradient", replicas=8, size=[400, 800], depth=30, seed=2, **options)
    assert run.comparison.verdict == "agrees", run.comparison.message
    assert float(run.theory["growth"].values) == pytest.approx(expected, abs=1e-4)


def test_groups_must_fit_the_width():
    with pytest.raises(ParameterError, match="groups = 3 do not divide channels = 100"):
        dmft.simulate("group-norm/gradient", norm="gn", groups=3, size=100)
    with pytest.raises(ParameterError, match="groups = 3 do not divide channels = 8"):
        dmft.simulate("group-norm/training", groups=3, size=8)


@pytest.fixture
def bars(tmp_path):
    """Images with a bright row or a bright column, and noise."""
    rng = np.random.default_rng(1)
    images, labels = rng.standard_normal((120, 4, 4)), rng.integers(2, size=120)
    for image, label in zip(images, labels, strict=True):
        at = rng.integers(4)
        image[(slice(None), at) if label else (at, slice(None))] += 3.0
    path = tmp_path / "bars.npz"
    np.savez(path, inputs=images, labels=labels)
    return str(path)


def trained(data, **changes):
    options = {"batches": "2,20", "epochs": 3, "groups": 2, "size": 4, "replicas": 2, "data": data, "seed": 1}
    return dmft.simulate("group-norm/training", **{**options, **changes})


@pytest.mark.slow
def test_networks_are_trained_with_each_normalisation(bars):
    run = trained(bars, epochs=8)
    assert run.status.success, run.status.message
    names = [f"{norm}_test_error" for norm in ("bn", "gn", "ln", "in")]
    for name in names:
        assert run[name].dims == ("batch_size",)
        assert np.all(run[name].values < (0.5 if name[:2] in ("bn", "gn") else 1.0))
    np.testing.assert_array_equal(run.simulation.coordinates["batch_size"].values, [2.0, 20.0])
    np.testing.assert_array_equal(run.simulation.coordinates["group_count"].values, [1.0, 2.0, 4.0])
    # one group is layer normalisation, a group a channel instance normalisation, trained on the same samples
    for at, name in ((0, "ln_test_error"), (1, "gn_test_error"), (2, "in_test_error")):
        assert run["group_test_error"].values[at] == run[name].values[1]
    gap = run.scalars["gap"]
    assert float(gap.values) == pytest.approx(run["bn_test_error"].values[0] - run["gn_test_error"].values[0])
    again = trained(bars, epochs=8, norms="bn", ablation=False)
    np.testing.assert_array_equal(run["bn_test_error"].values, again["bn_test_error"].values)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_setting_that_diverges_is_told_and_the_others_are_kept(bars):
    run = trained(bars, norms="gn", learning_rate=1e30, ablation=False, precision="float32")
    assert run.status.code == "diverged"
    assert run.status.exit_code == 3
    assert run.status.message.startswith("2 of 2 settings left the float range, their last finite state is kept: gn 2")
    assert np.isfinite(run["gn_test_error"].values).all()


def test_mistakes_with_data_are_told(bars, tmp_path):
    with pytest.raises(ParameterError, match="there are 96 samples to train on"):
        trained(bars, batches="2,97")
    flat = tmp_path / "flat.npz"
    np.savez(flat, inputs=np.zeros((40, 4)) + np.arange(40)[:, None], labels=np.arange(40) % 2)
    with pytest.raises(ParameterError, match="a convolution takes images"):
        trained(str(flat))
    with pytest.raises(ParameterError, match="does not exist"):
        trained(str(tmp_path / "none.npz"))


@pytest.mark.slow
def test_batch_normalisation_suffers_from_small_batches_on_digits():
    pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'dmft[data]'")
    run = dmft.simulate(
        "group-norm/training", norms="bn,gn", batches="32,2", ablation=False, epochs=3, replicas=6, precision="float32"
    )
    loss, error = run["bn_train_loss"], run["bn_test_error"]
    assert loss.values[0] - loss.values[1] > 2.0 * np.hypot(*loss.stderr)
    assert error.values[0] > error.values[1]
    rise = {name: run[f"{name}_test_error"].values[0] - run[f"{name}_test_error"].values[1] for name in ("bn", "gn")}
    assert rise["bn"] > rise["gn"]
    assert _name("gn", 32, 4) == "gn 4 groups, batch 32"
