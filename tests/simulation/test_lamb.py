"""Layerwise optimisers of the package within their bounds, scaling with the batch, trained networks."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError


def test_bounds_hold_for_every_run_and_are_tight():
    run = dmft.compare("lamb", replicas=3, size=8, seed=1, steps=1000)
    assert run.comparison.verdict == "agrees", run.comparison.message
    bound = run.theory["lars_bound"].values
    for name in ("lars", "lamb"):
        assert np.all(run[f"{name}_tightness"].values <= 1.0)  # the largest of all runs
        late = run.simulation.coordinates["horizon"].values >= 100
        np.testing.assert_allclose(run[f"{name}_gradient"].values[late], bound[late], rtol=0.01)
    at = list(run.simulation.coordinates["horizon"].values)
    found = run["lars_gradient"]
    for steps, published in ((100.0, 35.593), (1000.0, 11.254)):  # one random start; ours are means over others
        assert found.values[at.index(steps)] == pytest.approx(published, rel=0.002)


@pytest.mark.parametrize("seed", range(3))
def test_bounds_hold_with_gradient_noise(seed):
    run = dmft.compare("lamb", replicas=6, size=8, seed=seed, steps=40, noise=2.0, batch=4)
    assert np.all(run["lars_tightness"].values <= 1.0)
    assert np.all(run["lamb_tightness"].values <= 1.0)
    assert np.all(run.simulation["sgd_gradient"].values <= run["sgd_bound"].values)
    assert run.comparison.verdict == "agrees", run.comparison.message


def test_schedules_of_the_package_are_the_recipe():
    for batch in (512, 1536, 32768):
        theory, twin = dmft.solve("lamb/schedule", batch=batch), dmft.simulate("lamb/schedule", batch=batch)
        for name in ("learning_rate", "rate"):
            np.testing.assert_allclose(twin[name].values, theory[name].values, rtol=1e-12, atol=1e-20)


def test_runs_find_the_rates_of_the_theory():
    options = {"dimension": 30, "smallest": 16, "doublings": 4, "target": 0.2}
    run = dmft.compare("lamb/batch-scaling", replicas=6, size=16, seed=1, rates=16, **options)
    assert run.comparison.verdict == "agrees", run.comparison.message
    assert set(run.comparison.observables) == {"sgd_loss"}
    for name in ("sgd", "normalised"):
        ratio = run[f"measured_{name}_rate"].values / run.theory[f"{name}_rate"].values
        assert np.all((ratio > 0.6) & (ratio < 1.7)), ratio  # the rates that are run lie a factor 1.26 apart
        steps = run[f"measured_{name}_steps"].values / run.theory[f"{name}_steps"].values
        assert np.all((steps > 0.7) & (steps < 1.1)), steps
    again = dmft.simulate("lamb/batch-scaling", replicas=6, size=16, seed=1, **options)
    np.testing.assert_allclose(again["measured_sgd_steps"].values, run["measured_sgd_steps"].values, rtol=0.05)


@pytest.mark.slow
def test_slopes_of_the_best_rates_of_runs():
    run = dmft.compare("lamb/batch-scaling", replicas=8, size=32, seed=1, smallest=4, doublings=6)
    assert run.comparison.verdict == "agrees", run.comparison.message
    for name in ("sgd_slope", "normalised_slope"):
        found, expected = run.simulation[name], run.theory[name]
        assert abs(found.values - expected.values) < 4.0 * found.stderr


@pytest.fixture
def clouds(tmp_path):
    from dmft.simulation.networks.data.mixtures import gaussian_mixture, random_means

    rng = np.random.default_rng(2)
    inputs, labels = gaussian_mixture(250, random_means(3, 6, 5.0, rng), 1.0, rng)
    path = tmp_path / "clouds.npz"
    np.savez(path, inputs=inputs, labels=labels)
    return str(path)


def trained(data, **changes):
    options = {"batches": "16,full", "epochs": 12, "size": 16, "replicas": 3, "data": data, "seed": 1}
    return dmft.simulate("lamb/training", **{**options, **changes})


def test_training_to_the_full_batch(clouds):
    run = trained(clouds, lars_rate=0.02)
    assert run.status.success, run.status.message
    np.testing.assert_array_equal(run.simulation.coordinates["batch_size"].values, [16.0, 200.0])
    for name in ("momentum", "adam", "lars", "lamb"):
        assert run[f"{name}_test_error"].values[0] < 0.2
        steps = run[f"{name}_steps_to_95"].values
        assert 0.0 < steps[0] < 150.0
    again = trained(clouds, lars_rate=0.02)
    np.testing.assert_array_equal(run["lamb_train_loss"].values, again["lamb_train_loss"].values)


def test_error_that_is_never_reached_takes_for_ever(clouds):
    run = trained(clouds, optimisers="lamb", epochs=1, lamb_rate=1e-6)
    np.testing.assert_array_equal(run["lamb_steps_to_95"].values, np.inf)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_training_that_diverges_is_told(clouds):
    run = trained(clouds, optimisers="momentum,lamb", momentum_rate=1e12)
    assert run.status.code == "diverged"
    assert run.status.exit_code == 3
    assert run.status.message.startswith(
        "2 of 4 settings left the float range, their last finite state is kept: momentum"
    )
    assert np.isfinite(run["momentum_test_error"].values).all()
    assert np.all(run["momentum_test_error"].values > 0.4)  # it learned nothing before
    np.testing.assert_array_equal(run["momentum_steps_to_95"].values, np.inf)
    assert np.all(run["lamb_test_error"].values < 0.2)


def test_mistakes_are_told(clouds, tmp_path):
    with pytest.raises(ParameterError, match=r"is no \.npz or \.h5 file"):
        trained("digit")
    np.savez(tmp_path / "own.npz", inputs=np.zeros((4, 2)), labels=[0, 1, 2, 9])
    with pytest.raises(ParameterError, match="labels reach from 0 to 9"):
        trained(str(tmp_path / "own.npz"))


@pytest.mark.slow
def test_large_batches_on_digits():
    pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'dmft[data]'")
    run = dmft.simulate("lamb/training", batches="16,full", replicas=4, precision="float32", seed=1)
    small = [run[f"{name}_test_error"].values[0] for name in ("momentum", "adam", "lars", "lamb")]
    assert max(small) < 0.05  # all agree at small batches
    large = {name: run[f"{name}_test_error"].values[1] for name in ("momentum", "lars", "lamb")}
    assert large["momentum"] > 0.3
    assert large["lars"] < 0.1
    assert large["lamb"] < 0.1


def test_an_interrupt_keeps_the_settings_that_are_complete(clouds):
    class Impatient(dmft.results.progress.Progress):
        tasks = 0

        def start(self, label, total):
            self.tasks += 1

        def update(self, done):
            if self.tasks == 3:
                raise KeyboardInterrupt

    run = trained(clouds, optimisers="adam,lamb", progress=Impatient())
    whole = trained(clouds, optimisers="adam")
    assert run.status.code == "interrupted"
    assert "interrupted at lamb, batch 16: 2 of 4 settings are complete and kept" in run.status.message
    np.testing.assert_array_equal(run["adam_test_error"].values, whole["adam_test_error"].values)
    assert "lamb_test_error" not in run.simulation
