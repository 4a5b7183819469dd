"""Options of the solver: what is refused, what a batch is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dmft
from dmft.errors import ParameterError
from dmft.solvers.marching.method import Marching
from dmft.theory.sgd import SGD

WRONG = [
    ("paths", 0), ("paths", -5), ("paths", 2.5), ("paths", "many"), ("paths", True), ("paths", None),
    ("batches", 1), ("batches", 0), ("batches", float("nan")), ("seed", -1), ("seed", 0.5), ("seed", float("inf")),
    ("sampler", "sobel"), ("sampler", 3), ("response", "exakt"), ("response", None), ("precision", "float16"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_wrong_values_are_refused_with_name_value_and_what_is_allowed(name, value):
    with pytest.raises(ParameterError) as caught:
        Marching(**{name: value})
    message = str(caught.value)
    assert message.startswith(f"{name} = ")
    assert str(value) in message
    item = next(item for item in Marching.declared() if item.name == name)
    assert all(choice in message for choice in item.choices)
    assert item.bounds is None or item.bounds.text in message


@pytest.mark.parametrize(("given_", "meant"), [("sobel", "sobol"), ("Random", "random")])
def test_near_choices_are_suggested(given_, meant):
    with pytest.raises(ParameterError, match=f"did you mean '{meant}'"):
        Marching(sampler=given_)


def test_every_batch_needs_a_path():
    with pytest.raises(ParameterError, match=r"paths = 7 is fewer than batches = 8.* give paths >= 8"):
        Marching(paths=7)
    assert Marching(paths=8).paths_per_batch == 1


@given(st.integers(1, 10**7), st.integers(2, 64))
def test_paths_of_a_batch(paths, batches):
    paths = max(paths, batches)
    share = Marching(paths=paths, batches=batches).paths_per_batch
    assert share & (share - 1) == 0, "a Sobol' net has a power of two points"
    assert 0.5 <= share / (paths / batches) <= 2.0
    exact = Marching(paths=paths, batches=batches, sampler="random").paths_per_batch
    assert 0 <= exact * batches - paths < batches


@given(st.integers(1, 2000), st.sampled_from(["auto", "exact", "probe"]), st.sampled_from(["float32", "float64"]))
def test_estimates_are_positive_and_grow_with_the_problem(steps, response, precision):
    small, large = (Marching(paths=n, response=response, precision=precision) for n in (4096, 65536))
    first, second = (SGD(steps=steps).estimate(method) for method in (small, large))
    assert 0.0 < first["memory"] < second["memory"]
    assert 0.0 < first["seconds"] <= second["seconds"]
    assert SGD(steps=2 * steps).estimate(small)["memory"] > first["memory"]


def test_diagnostics_tell_what_was_done():
    facts = dmft.solve("sgd", steps=5, paths=1000, batches=4).theory.diagnostics
    assert facts["paths_used"] == 4 * 256
    assert facts["batches_used"] == 4
    assert facts["response_paths"] == 4 * 256
    assert 1 <= facts["noise_rank"] <= 6
    assert facts["seconds"] > 0.0
