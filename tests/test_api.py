"""The public functions: who gets which option, what comes back, and what is refused."""

from __future__ import annotations

import dataclasses
import signal
import threading
import time

import numpy as np
import pytest

import dmft
from dmft.api import split
from dmft.errors import MemoryLimitError, ParameterError, UnknownNameError
from dmft.results.progress import Progress
from dmft.simulation.method import Simulation
from dmft.solvers.marching.method import Marching
from dmft.theory.base import Model
from dmft.theory.sgd import SGD

QUICK = {"steps": 4, "paths": 128, "batches": 4}
SMALL = {"size": 50, "replicas": 3}


def same(left, right) -> bool:
    return all(np.array_equal(left[name].values, right[name].values) for name in left)


def test_the_default_model_is_sgd():
    assert dmft.solve(**QUICK).model == dmft.simulate(steps=2, **SMALL).model == "sgd"


def test_options_reach_whoever_declares_them():
    run = dmft.solve("sgd", alpha=1.5, seed=3, **QUICK)
    assert run.parameters["alpha"] == 1.5
    assert run.parameters["steps"] == 4
    assert run.method["paths"] == 128
    assert run.method["seed"] == 3
    both = dmft.compare("sgd", seed=5, **QUICK, **SMALL)
    assert both.theory.method["seed"] == both.simulation.method["seed"] == 5
    assert both.simulation.method["size"] == 50


def test_split_hands_an_option_to_all_that_declare_it():
    assert split({"seed": 1, "size": 9, "paths": 8}, Marching, Simulation) == [
        {"seed": 1, "paths": 8},
        {"seed": 1, "size": 9},
    ]


@pytest.mark.parametrize("call", [dmft.solve, dmft.simulate, dmft.compare])
@pytest.mark.parametrize(
    ("given_", "meant"), [("aplha", "alpha"), ("batchfraction", "batch_fraction"), ("seeds", "seed")]
)
def test_an_unknown_option_gets_a_suggestion(call, given_, meant):
    with pytest.raises(UnknownNameError, match=f"unknown parameter or option '{given_}': did you mean '{meant}'"):
        call("sgd", **{given_: 1})


def test_options_of_the_other_side_are_unknown():
    with pytest.raises(UnknownNameError, match="'replicas'"):
        dmft.solve("sgd", replicas=3)
    with pytest.raises(UnknownNameError, match="'paths'"):
        dmft.simulate("sgd", paths=3)


def test_an_unknown_model_gets_a_suggestion():
    with pytest.raises(UnknownNameError, match="unknown model 'sgd/rigde': did you mean 'sgd/ridge'"):
        dmft.solve("sgd/rigde")
    with pytest.raises(UnknownNameError, match="unknown model 'SGD': did you mean 'sgd'"):
        dmft.solve("SGD")
    run = dmft.solve("sgd", **QUICK)
    with pytest.raises(UnknownNameError, match="did you mean 'magnetization'"):
        run["magnetisation"]


def test_instances_say_the_same_as_names():
    by_name = dmft.solve("sgd", alpha=1.5, seed=3, **QUICK)
    by_instance = dmft.solve(SGD(alpha=1.5, steps=4), Marching(paths=128, batches=4, seed=3))
    mixed = dmft.solve(SGD(alpha=1.5, steps=4), paths=128, batches=4, seed=3)
    assert same(by_name.theory, by_instance.theory)
    assert same(by_name.theory, mixed.theory)
    assert by_name.parameters == by_instance.parameters
    method = Simulation(**SMALL)
    assert same(dmft.simulate(SGD(steps=2), method).simulation, dmft.simulate("sgd", steps=2, **SMALL).simulation)


def test_an_instance_takes_no_parameters():
    with pytest.raises(UnknownNameError, match="'alpha'"):
        dmft.solve(SGD(), alpha=1.0)
    with pytest.raises(UnknownNameError, match="'paths'"):
        dmft.solve(SGD(), Marching(), paths=10)


def test_compare_takes_a_run_and_does_not_solve_it_again(monkeypatch):
    run = dmft.solve("sgd", alpha=1.5, **QUICK)
    monkeypatch.setattr(SGD, "solve", lambda *_: pytest.fail("solved again"))
    both = dmft.compare(run, size=50, replicas=3)
    assert both.theory is run.theory
    assert both.parameters == run.parameters
    assert both.comparison.sizes == (50,)


def test_compare_takes_a_run_of_a_simulation():
    run = dmft.simulate("sgd", steps=2, **SMALL)
    both = dmft.compare(run, size=60, replicas=3)
    assert both.theory is not None
    assert both.parameters == run.parameters


@pytest.mark.parametrize(
    "size",
    [(60, 30), [30, 60, 30], np.array([30, 60]), (n for n in (30, 60)), {60, 30}],
    ids=["tuple", "list", "array", "generator", "set"],
)
def test_sizes_are_sorted_once_each(size):
    both = dmft.compare("sgd", size=size, replicas=2, **QUICK)
    assert both.comparison.sizes == (30, 60)
    assert both.simulation.method["size"] == 60


@pytest.mark.parametrize("size", [60, np.int64(60), 60.0, "60", [60]], ids=repr)
def test_one_size_in_any_form(size):
    assert dmft.compare("sgd", size=size, replicas=2, **QUICK).comparison.sizes == (60,)


@pytest.mark.parametrize("size", [0, -5, 1, [], [100, 0], 60.5, "many", True, [None]], ids=repr)
def test_wrong_sizes_are_refused(size):
    with pytest.raises(ParameterError, match="size"):
        dmft.compare("sgd", size=size, replicas=2, **QUICK)


@pytest.mark.parametrize(
    "options", [{"replicas": 0}, {"precision": "half"}, {"backend": "torch"}, {"seed": -1}, {"size": 1}]
)
def test_wrong_options_of_simulations_are_refused(options):
    ((name, value),) = options.items()
    with pytest.raises(ParameterError, match=f"^{name} = ") as caught:
        dmft.simulate("sgd", **options)
    assert str(value) in str(caught.value)


def test_a_simulation_that_does_not_fit_is_refused():
    with pytest.raises(MemoryLimitError, match="try a smaller --size"):
        dmft.simulate("sgd", size=10**7)


def test_a_model_without_simulation_says_so():
    @dataclasses.dataclass(frozen=True)
    class Alone(Model):
        slug = "alone"
        method = Marching
        twin = "dmft.simulation.alone"

    with pytest.raises(ParameterError, match=r"model 'alone' has no simulation: dmft\.simulation\.alone does not"):
        dmft.simulate(Alone())


def test_a_run_knows_where_it_comes_from():
    run = dmft.solve("sgd", **QUICK)
    assert run.references == SGD.references
    assert run.provenance["wall_time"] > 0.0
    assert run.status.success
    assert run.theory.samples == 4
    assert run.simulation is None
    assert set(run.scalars) == {
        f"final_{n}" for n in ("magnetization", "norm", "train_loss", "train_error", "test_error")
    }
    assert run["final_norm"].last == run["norm"].last


def test_every_curve_is_as_declared():
    both = dmft.compare("sgd", field_response=True, **QUICK, **SMALL)
    for solution in (both.theory, both.simulation):
        for name, curve in solution.items():
            declared = SGD.observable(name)
            assert (curve.dims, curve.symbol, curve.unit) == (declared.dims, declared.symbol, declared.unit)
            assert curve.values.shape == tuple(len(solution.coordinates[dim].values) for dim in curve.dims)
            assert curve.stderr.shape == curve.values.shape
    assert set(both.theory) == {item.name for item in SGD.observables}
    assert set(both.theory) - set(both.simulation) == {"memory_kernel"}
    np.testing.assert_allclose(both.theory.coordinates["t"].values, 0.2 * np.arange(5))
    np.testing.assert_array_equal(both.theory.coordinates["step"].values, np.arange(5))


@pytest.mark.parametrize("call", ["solve", "simulate"])
def test_progress_ends_where_it_said(call):
    class Counter(Progress):
        total = done = 0.0

        def start(self, label, total):
            self.total += total

        def update(self, done):
            self.done += done

    counter = Counter()
    getattr(dmft, call)("sgd", progress=counter, **({"steps": 4, **SMALL} if call == "simulate" else QUICK))
    assert counter.done == counter.total > 0.0


class Stopper(Progress):
    """Sends the main thread the signal of Ctrl-C, as a terminal does, once, when `units` are done."""

    def __init__(self, units: float) -> None:
        self.left, self.lock = units, threading.Lock()

    def update(self, done: float) -> None:
        time.sleep(1e-3)  # a step that takes its time: the signal comes in the middle
        with self.lock:
            before, self.left = self.left, self.left - done
            if before > 0 >= self.left:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def test_control_c_keeps_the_times_that_all_marches_share():
    run = dmft.solve("sgd", steps=200, paths=64, batches=2, progress=Stopper(60))
    assert run.status.code == "interrupted"
    assert run.status.exit_code == 130
    times = len(run["norm"].values)
    assert 1 <= times < 201
    assert all(np.isfinite(curve.values).all() for curve in run.theory.values())
    assert len(run.theory.coordinates["t"].values) == times


def test_control_c_keeps_complete_replicas():
    run = dmft.simulate("sgd", steps=10, size=20, replicas=40, progress=Stopper(11 * 10))
    assert run.status.code == "interrupted"
    assert 2 <= run.simulation.samples < 40
    assert len(run["norm"].values) == 11


def test_control_c_in_a_comparison_ends_all_of_it():
    run = dmft.compare("sgd", steps=200, paths=64, batches=2, size=20, replicas=2, progress=Stopper(60))
    assert run.status.code == "interrupted"
    assert run.simulation is None
    assert run.comparison is None


class Interrupter(Progress):
    """Raises KeyboardInterrupt when a task begins, before there is anything to keep, or in its first step."""

    def __init__(self, label: str, at_once: bool) -> None:
        self.label, self.at_once, self.there = label, at_once, False

    def start(self, label: str, total: float) -> None:
        self.there = label == self.label
        if self.there and self.at_once:
            raise KeyboardInterrupt

    def update(self, done: float) -> None:
        if self.there:
            raise KeyboardInterrupt


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(("size", "kept"), [(20, ()), (40, (20,)), (60, (20, 40))])
def test_control_c_in_a_comparison_keeps_theory_and_complete_sizes(size, kept, at_once, tmp_path):
    options = {"steps": 4, "replicas": 3}
    found = dmft.compare(
        "sgd/ridge", size=[20, 40, 60], progress=Interrupter(f"simulating N={size}", at_once), **options
    )
    assert (found.status.code, found.theory.status.code) == ("interrupted", "converged")
    assert found.comparison.sizes == kept
    assert found.plot() is not None
    run = dmft.load(found.save(tmp_path / "run.h5"))
    assert run.status == found.status
    if kept:
        whole = dmft.compare("sgd/ridge", size=kept, **options)
        assert run.status.message.startswith(f"interrupted at N = {size}: what is complete is kept, N = ")
        assert run.simulation.method["size"] == max(kept)
        assert same(run.simulation, whole.simulation)
        assert same(run.theory, whole.theory)
        assert repr(run.comparison) == repr(whole.comparison)
    else:
        assert run.simulation.method["size"] == size
        assert run.comparison.verdict == "undecided"


def test_results_are_saved_and_loaded(tmp_path):
    run = dmft.solve("sgd", **QUICK)
    assert same(dmft.load(run.save(tmp_path / "run.h5")).theory, run.theory)
