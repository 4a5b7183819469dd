"""The answer put back into the equations of the sheet, march by march, with plain sums."""

from __future__ import annotations

import numpy as np
import pytest

import dmft

CASES = {
    "default": {},
    "gradient descent": {"batch_fraction": 1.0},
    "persistent": {"persistence": 2.0},
    "door": {"data": "three-cluster", "alpha": 3.0, "ridge": 0.3, "m0": 1.0},
    "hinge2": {"loss": "hinge2", "kappa": 0.5, "ridge": 0.0},
    "teacher": {"data": "teacher", "r0": 0.0, "label_noise": 0.25},
    "inverse": {"normalisation": "inverse", "learning_rate": 0.05},
    "large step": {"learning_rate": 2.0},
    "single precision": {"precision": "float32"},
    "probe": {"response": "probe"},
}
QUICK = {"steps": 25, "paths": 512, "batches": 2, "seed": 3}


def residuals(model, sample):
    """Left minus right of the recursions of R and C (unconstrained), for every t < T."""
    R, C, K, M = (sample[name] for name in ("response", "correlation", "memory_kernel", "noise_kernel"))
    eta, decay = model.learning_rate, 1.0 - model.learning_rate * model.ridge
    for t in range(len(C) - 1):
        s = slice(0, t + 1)
        # R(t+1,s) = (1−ηλ)R(t,s) + ηΣ_v K(t,v)R(v,s),  R(t+1,t) = 1
        yield "R", R[t + 1, :t], decay * R[t, :t] + eta * K[t, s] @ R[s, :t]
        yield "R", R[t + 1, t], 1.0
        # C(t+1,s) = (1−ηλ)C(t,s) + ηΣ_v K(t,v)C(v,s) + η²Σ_v M(t,v)R(s,v),  also at s = t+1
        every = slice(0, t + 2)
        yield "C", C[t + 1, every], decay * C[t, every] + eta * K[t, s] @ C[s, every] + eta**2 * R[every, s] @ M[t, s]


@pytest.mark.parametrize("name", CASES)
def test_kernels_solve_the_recursions_of_the_sheet(name, marches):
    options = {**QUICK, **CASES[name]}
    model = dmft.models()["sgd"].from_dict({k: v for k, v in CASES[name].items() if k not in ("precision", "response")})
    # forces are dropped when their share is below 1e-20 (float32: 1e-12) of their square, and M is rebuilt from
    # the rest: round-off only, except for amplitudes of 1e-6 in single precision
    tolerance = 1e-5 if options.get("precision") == "float32" else 1e-10
    for sample in marches(**options):
        scale = {"R": np.abs(sample["response"]).max(), "C": np.abs(sample["correlation"]).max()}
        for which, left, right in residuals(model, sample):
            np.testing.assert_allclose(left, right, rtol=0.0, atol=tolerance * scale[which])


def test_the_residual_sees_an_error(marches):
    """A response wrong by 1e-6 at one pair of times is found."""
    model = dmft.models()["sgd"]()
    sample = marches(**QUICK)[0]
    sample["response"][20, 10] += 1e-6
    worst = max(np.max(np.abs(left - right), initial=0.0) for _, left, right in residuals(model, sample))
    assert worst > 1e-8


@pytest.mark.parametrize("m0", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("data", ["two-cluster", "three-cluster"])
def test_sphere(marches, m0, data):
    """One step of the free equations, then a rescaling by the factor that R(t+1,t) shows."""
    for sample in marches(sphere=True, m0=m0, data=data, **QUICK):
        R, C, K, M = (sample[name] for name in ("response", "correlation", "memory_kernel", "noise_kernel"))
        m = sample["magnetization"]
        np.testing.assert_allclose(np.diagonal(C) + m**2, 1.0, rtol=1e-12)
        assert m[0] == m0
        for t in range(len(C) - 1):
            shrink, s = R[t + 1, t], slice(0, t + 1)
            kernel = 0.2 * K[t, s]
            kernel[t] += 1.0
            np.testing.assert_allclose(R[t + 1, :t], shrink * (kernel @ R[s, :t]), rtol=0.0, atol=1e-11)
            free = kernel @ C[s, s] + 0.2**2 * R[s, s] @ M[t, s]
            np.testing.assert_allclose(C[t + 1, s], shrink * free, rtol=0.0, atol=1e-10)


def test_norm_is_the_diagonal_and_start_is_exact(marches):
    for sample in marches(m0=0.3, r0=0.7, **QUICK):
        np.testing.assert_allclose(np.diagonal(sample["correlation"]), sample["norm"], rtol=1e-12)
        assert sample["magnetization"][0] == 0.3
        assert sample["norm"][0] == pytest.approx(0.7, rel=1e-15)


def test_first_step_by_hand():
    """m(1), C(1,1), M(0,0) and K(0,0) at r0 = m0 = 0: r = 0, so ℓ' = −y/2 and ℓ'' = ¼ for every sample."""
    alpha, b, eta, delta = 2.0, 0.3, 0.2, 0.5
    run = dmft.solve("sgd", r0=0.0, steps=1, paths=65536, batches=8)

    def agrees(name, index, expected):
        # exact averages of s, or of u over Sobol' points: five standard errors and round-off
        value, error = run[name].values[index], run[name].stderr[index]
        assert abs(value - expected) <= 5.0 * error + 1e-12, name

    agrees("train_loss", 0, np.log(2.0))
    agrees("magnetization", 1, eta * alpha * b / 2.0)  # −ηαE[s ℓ'(c + √Δu)] with c = y
    agrees("noise_kernel", (0, 0), alpha * delta * b / 4.0)
    agrees("memory_kernel", (0, 0), -alpha * delta * b / 4.0)
    agrees("norm", 1, eta**2 * alpha * delta * b / 4.0)
