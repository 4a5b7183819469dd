"""Grids, seeds, resuming, shards; the same bits however the work was shared."""

from __future__ import annotations

import json

import numpy as np
import pytest

import dmft
import dmft.sweeps.executor as module
from dmft.errors import DMFTError, OutputError, ParameterError, StoreError, UnknownNameError
from dmft.results.phase import STATES
from dmft.results.progress import Progress
from dmft.sweeps.local import LocalPool
from dmft.theory.losses import Loss

GRID = {"alpha": (1.0, 3.0, 3), "batch_fraction": [0.3, 1.0]}


def test_values_are_those_of_solve(output):
    diagram = dmft.sweep("sgd/ridge", GRID, output, steps=10, jobs=2)
    assert diagram.status.code == "complete"
    for i, alpha in enumerate((1.0, 2.0, 3.0)):
        for j, fraction in enumerate((0.3, 1.0)):
            run = dmft.solve("sgd/ridge", alpha=alpha, batch_fraction=fraction, steps=10)
            assert diagram["final_norm"].values[i, j] == run["final_norm"].last
            np.testing.assert_array_equal(diagram["norm"].values[i, j], run["norm"].values)
    np.testing.assert_array_equal(diagram.theory.coordinates["t"].values, run.theory.coordinates["t"].values)
    assert "correlation" not in diagram


def test_same_bits_for_any_number_of_workers_and_neighbours(output, assert_same, trouble):
    one = dmft.sweep(trouble, {"x": (-1, 1, 7)}, output, jobs=1, seed=3)
    assert_same(one, dmft.sweep(trouble, {"x": (-1, 1, 7)}, jobs=3, seed=3))
    assert len(set(one.seeds.tolist())) == 7
    alone = dmft.sweep(trouble, {"x": [one.coordinates["x"].values[2]]}, jobs=1, seed=3)
    assert alone["noise"].values[0] == one["noise"].values[2]
    other = dmft.sweep(trouble, {"x": (-1, 1, 7)}, jobs=1, seed=4)
    assert not set(other.seeds.tolist()) & set(one.seeds.tolist())


@pytest.mark.slow
def test_monte_carlo_and_simulation_have_the_same_bits(assert_same):
    options = {"steps": 4, "size": 30, "replicas": 3, "paths": 64, "kind": "comparison"}
    one = dmft.sweep("sgd", {"alpha": [1.0, 2.0]}, jobs=1, **options)
    two = dmft.sweep("sgd", {"alpha": [2.0, 1.0]}, jobs=2, **options)
    assert_same(one, two)
    run = dmft.compare("sgd", alpha=1.0, size=30, replicas=3, paths=64, steps=4, seed=int(one.seeds[0]))
    assert one.theory["norm"].values[0].tobytes() == run.theory["norm"].values.tobytes()
    assert one.simulation["norm"].stderr[0].tobytes() == run.simulation["norm"].stderr.tobytes()
    assert one["norm_max_z"].values[0] == run.comparison.observables["norm"].max_z


def test_sweep_over_options_and_texts():
    diagram = dmft.sweep("sgd", {"data": ["two-cluster", "random-labels"], "paths": [64, 128]}, steps=3, jobs=2)
    assert diagram.axes == ("data", "paths")
    assert diagram.coordinates["data"].values.tolist() == ["two-cluster", "random-labels"]
    assert diagram.coordinates["paths"].values.tolist() == [64, 128]
    seeds = dmft.sweep("sgd", {"seed": [1, 2]}, steps=3, paths=64, jobs=1)
    assert seeds["final_norm"].values[0] != seeds["final_norm"].values[1]


def test_own_axes_that_differ_are_padded():
    diagram = dmft.sweep("sgd/ridge", {"learning_rate": [0.1, 0.2], "steps": [4, 6]}, jobs=1)
    norm = diagram["norm"]
    assert norm.dims == ("learning_rate", "steps", "t_index")
    assert np.isnan(norm.values[:, 0, 5:]).all()
    assert np.isfinite(norm.values[:, 0, :5]).all()
    np.testing.assert_allclose(diagram["t"].values[0, 1], 0.1 * np.arange(7))
    np.testing.assert_array_equal(diagram.at_end("norm").values, diagram["final_norm"].values)


def count_work(monkeypatch):
    """How many points each later sweep calculates."""
    done = []

    class Counting(LocalPool):
        def __call__(self, points):
            done.append(len(points))
            return super().__call__(points)

    monkeypatch.setattr(module, "LocalPool", Counting)
    return done


def test_resume_and_refine(output, monkeypatch, assert_same):
    done = count_work(monkeypatch)
    dmft.sweep("sgd/ridge", {"alpha": (1.0, 3.0, 3)}, output, steps=5, jobs=1)
    again = dmft.sweep("sgd/ridge", {"alpha": (1.0, 3.0, 3)}, output, steps=5, jobs=1)
    fine = dmft.sweep("sgd/ridge", {"alpha": (1.0, 3.0, 5)}, output, steps=5, jobs=1)
    assert done == [3, 2]
    assert again.status.success
    assert_same(fine, dmft.sweep("sgd/ridge", {"alpha": (1.0, 3.0, 5)}, steps=5, jobs=1))
    assert_same(dmft.load(output), fine)


def test_shards(output, assert_same, monkeypatch):
    done = count_work(monkeypatch)
    first = dmft.sweep("sgd/ridge", GRID, output, steps=5, jobs=1, shard="1/2")
    assert not output.exists()
    assert first.status.code == "interrupted"
    last = dmft.sweep("sgd/ridge", GRID, output, steps=5, jobs=1, shard="2/2")
    assert done == [3, 3]
    assert_same(dmft.load(output), last)
    assert_same(last, dmft.sweep("sgd/ridge", GRID, steps=5, jobs=1))


def test_store_of_something_else_is_refused(output):
    dmft.sweep("sgd/ridge", {"alpha": [1.0]}, output, steps=5, jobs=1)
    before = output.read_bytes()
    for over, options, message in [
        ({"alpha": [1.0]}, {"steps": 6}, "steps there is 5, here 6"),
        ({"alpha": [1.0], "ridge": [1.0]}, {"steps": 5}, "swept there is alpha, here alpha, ridge"),
        ({"alpha": [1.0]}, {"steps": 5, "kind": "simulation"}, "kind there is theory"),
    ]:
        with pytest.raises(StoreError, match=message):
            dmft.sweep("sgd/ridge", over, output, jobs=1, **options)
    with pytest.raises(StoreError, match="model there is sgd/ridge, here sgd"):
        dmft.sweep("sgd", {"alpha": [1.0]}, output, jobs=1)
    assert output.read_bytes() == before
    assert dmft.sweep("sgd/ridge", {"alpha": [2.0]}, output, steps=6, jobs=1, force=True).status.success
    # a default that is given is not a difference
    assert dmft.sweep("sgd/ridge", {"alpha": [2.0]}, output, steps=6, ridge=0.1, jobs=1).status.success


def test_foreign_output_is_not_touched(output):
    output.write_text("precious")
    with pytest.raises(OutputError, match="not of this sweep"):
        dmft.sweep("sgd/ridge", {"alpha": [1.0]}, output, jobs=1)
    assert output.read_text() == "precious"
    assert [path.name for path in output.parent.iterdir()] == [output.name]


def test_diverged_points_are_points(trouble):
    diagram = dmft.sweep(trouble, {"x": [-1, 1]}, mode="diverge", jobs=1)
    assert diagram.status.code == "complete"
    assert [STATES[state] for state in diagram.states] == ["converged", "diverged"]
    assert np.isfinite(diagram["step"].values).all()


def test_failed_points_are_recorded_and_tried_again(output, trouble, monkeypatch):
    done = count_work(monkeypatch)
    diagram = dmft.sweep(trouble, {"x": (-1, 1, 5)}, output, mode="raise", jobs=2)
    assert diagram.status.code == "failed"
    assert diagram.status.exit_code == 5
    assert diagram.counts["failed"] == 2
    assert diagram.failures[0] == {"point": {"x": 0.5}, "error": "ZeroDivisionError: no such luck"}
    loaded = dmft.load(output)
    assert loaded.failures == diagram.failures
    assert np.isnan(loaded["step"].values[3:]).all()
    dmft.sweep(trouble, {"x": (-1, 1, 5)}, output, mode="raise", jobs=2)
    assert done == [5, 2]


def test_progress_counts_points_and_tells_failures(trouble):
    told = []

    class Recorder(Progress):
        def start(self, label, total):
            told.append((label, total))

        def update(self, done):
            told.append(done)

        def relabel(self, label):
            told.append(label)

    dmft.sweep(trouble, {"x": [-1, 1]}, mode="raise", jobs=1, progress=Recorder())
    assert told == [("sweeping trouble", 2.0), 1.0, "sweeping trouble, 1 failed", 1.0]


def test_refused_combinations_are_failed_points(trouble):
    diagram = dmft.sweep(trouble, {"y": [1, 200]}, jobs=1)
    assert diagram.failures == ({"point": {"y": 200.0}, "error": "y = 200 is too much with x = 0"},)
    with pytest.raises(ParameterError, match="too much"):
        dmft.sweep(trouble, {"y": [200, 300]}, jobs=1)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"over": {}}, ParameterError, "no parameter to sweep over"),
        ({"over": [1, 2]}, ParameterError, "over = .* is not allowed: give names with their values"),
        ({"over": {"alfa": [1]}}, UnknownNameError, "did you mean 'alpha'"),
        ({"over": {"size": [10]}}, ParameterError, "size has no effect on theory.*simulation"),
        ({"size": 10}, ParameterError, "size has no effect on theory"),
        ({"alpha": 2.0}, ParameterError, "both swept and fixed"),
        ({"kind": "guess"}, UnknownNameError, "known are comparison, simulation, theory"),
        ({"jobs": 0}, ParameterError, "jobs = 0"),
        ({"shard": "3/2"}, ParameterError, "shard = '3/2'"),
        ({"shard": "x"}, ParameterError, "give i/n"),
        ({"observable": "norm"}, ParameterError, "no effect without adaptive"),
        ({"model": "sgd/rigde"}, UnknownNameError, "sgd/ridge"),
        (
            {"model": "bn-regularization/generalization"},
            ParameterError,
            "alpha is already an axis of each run.*epsilon_gen_by_alpha.*sweep another",
        ),
        (
            {"model": "bn-regularization", "over": {"zeta": [1.0]}},
            ParameterError,
            "zeta is also the name of an observable of bn-regularization: sweep another",
        ),
        ({"output": "phase.txt"}, ParameterError, "ends in .h5"),
        ({"output": "nowhere/phase.h5"}, OutputError, "does not exist"),
    ],
)
def test_mistakes(options, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"model": "sgd/ridge", "over": {"alpha": [1.0]}, "jobs": 1, **options}
    with pytest.raises(error, match=message):
        dmft.sweep(**given)
    assert not list(tmp_path.iterdir())


def test_a_loss_of_ones_own_is_refused():
    loss = Loss("mine", lambda y, r: r, lambda y, r: 1.0, lambda y, r: 0.0)
    with pytest.raises(DMFTError, match="loss"):
        dmft.sweep("sgd", {"alpha": [1.0]}, loss=loss, jobs=1)


def test_file_opens_in_xarray(output, assert_same):
    xarray = pytest.importorskip("xarray")
    over = {"alpha": [1.0, 2.0, 3.0], "ridge": [0.1, 0.2, 0.3], "normalisation": ["unit", "inverse"]}
    diagram = dmft.sweep("sgd/ridge", over, output, zipped=[("alpha", "ridge")], steps=3, jobs=1)
    with xarray.open_datatree(output, engine="h5netcdf") as tree:
        assert tree.identical(diagram.to_xarray())
        norm = tree["theory"]["final_norm"]
        assert norm.dims == ("alpha", "normalisation")
        assert norm.ridge.dims == ("alpha",)
        run = dmft.solve("sgd/ridge", alpha=2.0, ridge=0.2, normalisation="inverse", steps=3)
        assert float(norm.sel(alpha=2.0, normalisation="inverse")) == run["final_norm"].last
    with xarray.open_dataset(output, engine="h5netcdf") as root:
        assert root.point_status.dims == ("alpha", "normalisation")
    assert_same(diagram, dmft.load(output))


def test_manifest_is_readable(output):
    dmft.sweep("sgd/ridge", {"alpha": [1.0]}, output, steps=5, jobs=1)
    manifest = json.loads((output.with_name("phase.h5.points") / "sweep.json").read_text())
    assert manifest["model"] == "sgd/ridge"
    assert manifest["fixed"]["parameters"]["steps"] == 5
