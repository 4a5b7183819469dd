"""The same seed gives the same bits, whatever the number of threads; another seed gives others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dmft

QUICK = {"steps": 12, "paths": 512}
#: Runs in processes of their own: the number of threads is fixed when a process starts.
PROGRAM = """
import hashlib, json, dmft
cases = {
    "sobol": {}, "random": {"sampler": "random"}, "probe": {"response": "probe"},
    "float64": {"precision": "float64"}, "gradient descent": {"batch_fraction": 1.0},
    "door": {"data": "three-cluster", "m0": 1.0}, "sphere": {"sphere": True}, "persistent": {"persistence": 2.0},
    "pairs": {"model": "sgd/replicas"},
}
print(json.dumps({
    name: hashlib.sha256(
        b"".join(curve.values.tobytes() + curve.stderr.tobytes() for _, curve in sorted(run.theory.items()))
    ).hexdigest()
    for name, run in (
        (name, dmft.solve(**{"model": "sgd", **options}, steps=30, paths=4096)) for name, options in cases.items()
    )
}))
"""


def bits(run) -> list[bytes]:
    return [part.tobytes() for _, curve in sorted(run.theory.items()) for part in (curve.values, curve.stderr)]


def digests(threads: int) -> dict[str, str]:
    names = ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    paths = [str(Path(dmft.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ, **dict.fromkeys(names, str(threads)), "PYTHONPATH": os.pathsep.join(filter(None, paths))
    }  # fmt: skip
    command = [sys.executable, "-c", PROGRAM]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300).stdout)


def test_bits_do_not_depend_on_the_number_of_threads():
    one = digests(1)
    assert len(set(one.values())) == len(one)
    assert digests(2) == one


@settings(max_examples=10)
@given(st.integers(0, 2**63), st.sampled_from(["sobol", "random"]), st.sampled_from(["exact", "probe"]))
def test_seed_makes_bits(seed, sampler, response):
    options = {**QUICK, "sampler": sampler, "response": response}
    first = dmft.solve("sgd", seed=seed, **options)
    assert bits(first) == bits(dmft.solve("sgd", seed=seed, **options))
    other = dmft.solve("sgd", seed=seed + 1, **options)
    assert not np.array_equal(first["norm"].values[1:], other["norm"].values[1:])


def test_marches_of_one_run_differ(marches):
    samples = marches(**QUICK)
    assert len(samples) == 8
    assert len({sample["correlation"].tobytes() for sample in samples}) == 8


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_independent_sampling_is_the_persistent_chain_at_its_shortest(precision):
    """τ = η/b, with numbers that have exact binary fractions: the same bits."""
    options = {**QUICK, "batch_fraction": 0.25, "learning_rate": 0.5, "precision": precision}
    assert bits(dmft.solve("sgd", **options)) == bits(dmft.solve("sgd", persistence=2.0, **options))


def test_independent_sampling_is_the_persistent_chain_up_to_round_off():
    vanilla, chain = dmft.solve("sgd", **QUICK), dmft.solve("sgd", persistence=0.2 / 0.3, **QUICK)
    for name, curve in vanilla.theory.items():
        np.testing.assert_allclose(chain[name].values, curve.values, rtol=0.0, atol=1e-12 * np.abs(curve.values).max())


def test_full_batch_has_no_normalisation():
    options = {**QUICK, "batch_fraction": 1.0}
    assert bits(dmft.solve("sgd", **options)) == bits(dmft.solve("sgd", normalisation="inverse", **options))


def test_inverse_normalisation_is_a_larger_learning_rate_without_ridge():
    """With λ = 0 only η/b enters: s ∈ {0, 1/b} at η is s ∈ {0, 1} at η/b; kernels carry the factor."""
    common = {**QUICK, "ridge": 0.0, "batch_fraction": 0.25}
    unit = dmft.solve("sgd", learning_rate=0.5, **common)
    inverse = dmft.solve("sgd", learning_rate=0.125, normalisation="inverse", **common)
    for name, factor in {
        "magnetization": 1,
        "correlation": 1,
        "train_loss": 1,
        "noise_kernel": 16,
        "memory_kernel": 4,
    }.items():
        left, right = inverse[name].values, factor * unit[name].values
        np.testing.assert_allclose(left, right, rtol=0.0, atol=1e-11 * np.abs(right).max())


def test_single_precision_is_close_to_double():
    double, single = (dmft.solve("sgd", precision=name, **QUICK) for name in ("float64", "float32"))
    for name in ("magnetization", "correlation", "response", "noise_kernel", "memory_kernel", "train_loss"):
        scale = np.abs(double[name].values).max()
        np.testing.assert_allclose(single[name].values, double[name].values, rtol=0.0, atol=1e-6 * scale)
