"""The march against its plain NumPy twin: other paths, other response, other factorisation."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.results.comparison import compare_solutions
from dmft.results.solution import Solution
from dmft.results.statistics import Moments
from dmft.results.status import CONVERGED, Status
from dmft.theory.sgd import SGD

STEPS, BATCHES = 20, 16
CASES = {
    "logistic": ("logistic", {}),
    "hinge2": ("hinge2", {"loss": "hinge2", "ridge": 0.0}),
    "teacher": ("regression", {"data": "teacher", "label_noise": 0.25}),
    "start": ("logistic", {"m0": 0.5, "r0": 0.3, "alpha": 0.7}),
}


def as_solution(samples) -> Solution:
    moments = Moments()
    for sample in samples:
        moments.add(sample)
    curves = {name: SGD.observable(name).curve(moments.mean(name), moments.stderr(name)) for name in moments}
    return Solution(curves, {}, Status(CONVERGED, ""), samples=moments.count)


@pytest.fixture(scope="module")
def reference(oracle):
    cache = {}

    def get(name):
        if name not in cache:
            loss, options = CASES[name]
            model = SGD(steps=STEPS, **options)
            cache[name] = as_solution(
                oracle.march(
                    getattr(oracle, loss), alpha=model.alpha, delta=model.delta, ridge=model.ridge,
                    b=model.batch_fraction, eta=model.learning_rate, steps=STEPS, paths=4000, seed=seed,
                    m0=model.m0, r0=model.r0, teacher_noise=model.label_noise if model.data == "teacher" else None,
                )
                for seed in range(BATCHES)
            )  # fmt: skip
        return cache[name]

    return get


@pytest.mark.parametrize(
    "numerics", [{}, {"response": "probe"}, {"sampler": "random", "precision": "float32"}], ids=str
)
@pytest.mark.parametrize("name", CASES)
def test_march_agrees_with_the_oracle(name, numerics, reference):
    """Student z-scores of m, C(t,t), training loss, C and R, corrected for their number.

    The threshold has 1 % false alarm a curve; one more standard deviation makes it 3e-4, for 60 curves in all.
    """
    run = dmft.solve("sgd", steps=STEPS, paths=16384, **CASES[name][1], **numerics)
    comparison = compare_solutions(run.theory, {1: reference(name)})
    assert set(comparison.observables) == {"magnetization", "norm", "train_loss", "correlation", "response"}
    assert all(item.max_z < item.threshold + 1.0 for item in comparison.observables.values()), comparison.message


def test_the_oracle_can_disagree(reference):
    wrong = dmft.solve("sgd", steps=STEPS, paths=16384, ridge=0.1 * 1.1)
    comparison = compare_solutions(wrong.theory, {1: reference("logistic")})
    assert comparison.verdict == "deviates"
    assert np.isfinite(comparison.observables["norm"].max_z)
