"""Replica i is what its stream makes it: not the number of replicas, of threads, or the order of finishing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dmft

OPTIONS = {"steps": 6, "size": 60, "field_response": True}
#: Runs in processes of their own: the number of threads is fixed when a process starts.
PROGRAM = """
import hashlib, json, dmft
cases = {
    "float64": {}, "float32": {"precision": "float32"}, "door": {"data": "three-cluster", "m0": 1.0},
    "sphere": {"sphere": True}, "persistent": {"persistence": 2.0},
    "pairs": {"model": "sgd/replicas"},
}
print(json.dumps({
    name: hashlib.sha256(
        b"".join(curve.values.tobytes() + curve.stderr.tobytes() for _, curve in sorted(run.simulation.items()))
    ).hexdigest()
    for name, run in (
        (name, dmft.simulate(**{"model": "sgd", **options}, steps=10, size=400, replicas=3, field_response=True))
        for name, options in cases.items()
    )
}))
"""


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


def equal(left, right) -> bool:
    return set(left) == set(right) and all(np.array_equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_replica_does_not_know_how_many_there_are(precision, replicas):
    few = replicas(replicas=2, precision=precision, **OPTIONS)
    many = replicas(replicas=5, precision=precision, **OPTIONS)
    assert equal(few[0], many[0])
    assert equal(few[1], many[1])
    assert len({sample["correlation"].tobytes() for sample in many}) == 5


def test_seed_makes_bits(replicas):
    first, again, other = (replicas(replicas=2, seed=seed, **OPTIONS) for seed in (4, 4, 5))
    assert equal(first[0], again[0])
    assert not np.array_equal(first[0]["norm"][1:], other[0]["norm"][1:])


def test_replicas_of_neighbouring_seeds_share_nothing(replicas):
    starts = [sample["train_loss"][0] for seed in range(4) for sample in replicas(replicas=4, seed=seed, **OPTIONS)]
    assert len(set(starts)) == 16


def test_measuring_the_response_changes_nothing_else(replicas):
    """Not the bits, but the law: the field is drawn after data and start, before the batches."""
    plain, measured = (
        replicas(replicas=1, steps=6, size=60, field_response=choice)[0]["train_loss"] for choice in (False, True)
    )
    assert plain[0] == measured[0]


def test_independent_sampling_is_the_persistent_chain_at_its_shortest(replicas):
    options = {**OPTIONS, "replicas": 1, "batch_fraction": 0.25, "learning_rate": 0.5}
    assert equal(replicas(**options)[0], replicas(persistence=2.0, **options)[0])


def test_single_precision_is_close_to_double(replicas):
    """The draws differ between precisions (the generator has its own float32 normals), so compare means."""
    double, single = (
        dmft.simulate("sgd", steps=6, size=200, replicas=20, precision=name) for name in ("float64", "float32")
    )
    for name in ("norm", "train_loss", "magnetization"):
        error = np.hypot(double[name].stderr, single[name].stderr)[1:]
        z = (double[name].values - single[name].values)[1:] / error
        assert np.abs(z).max() < 5.0
