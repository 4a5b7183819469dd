"""Files: what is in them, that nothing is lost, and which ones are refused."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import dmft
from dmft.errors import FileFormatError, OutputError
from dmft.results.comparison import Comparison
from dmft.results.curve import Coordinate, Curve
from dmft.results.hdf5 import save
from dmft.results.run import Run
from dmft.results.solution import Solution
from dmft.results.status import ORDER, Status

GOLDEN = Path(__file__).with_name("schema-1.h5")
names = st.from_regex(r"[a-z][a-z0-9_]{0,7}", fullmatch=True).filter(lambda name: not name.endswith("_stderr"))
# HDF5 pads text with zeros; surrogates are not text
words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
numbers = st.floats(width=64)
plain = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | words
)


@st.composite
def solutions(draw):
    curves = {}
    lengths = {}
    for name in draw(st.lists(names, unique=True, max_size=4)):
        shape = draw(st.just(()) | array_shapes(max_dims=3, max_side=4))
        dims = tuple(f"d_{name}_{axis}" for axis in range(len(shape)))
        lengths.update(zip(dims, shape, strict=True))
        values = draw(arrays(np.float64, shape, elements=numbers))
        stderr = draw(st.none() | arrays(np.float64, shape, elements=numbers))
        curves[name] = Curve(name, values, stderr, dims, draw(words), draw(words), draw(words))
    coordinates = {}
    for dim in lengths:  # some axes have points, some a second scale as well, some nothing
        if draw(st.booleans()):
            values = draw(arrays(np.float64, lengths[dim], elements=numbers))
            coordinates[dim] = Coordinate(dim, values, draw(words), draw(words), draw(words))
        if draw(st.booleans()):
            values = draw(arrays(np.int64, lengths[dim]))
            coordinates[f"{dim}x"] = Coordinate(f"{dim}x", values, draw(words), draw(words), draw(words), dim)
    status = Status(draw(st.sampled_from(ORDER)), draw(words))
    samples = draw(st.integers(0, 2**40))
    return Solution(curves, coordinates, status, samples, *draw(st.tuples(*[st.dictionaries(words, plain)] * 2)))


@settings(max_examples=60)
@given(data=st.data())
def test_round_trip(data, tmp_path_factory, assert_same):
    theory = data.draw(solutions())
    simulation = data.draw(st.none() | solutions())
    parameters, changed = (data.draw(st.dictionaries(words, plain)) for _ in range(2))
    run = Run(
        data.draw(words), parameters, theory, simulation,
        references=tuple(data.draw(st.lists(words, max_size=3))), changed=changed,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("round") / "run.h5"
    assert save(run, path) == path
    assert_same(Run.load(path), run)


def test_round_trip_of_everything(run, tmp_path, assert_same):
    path = run.save(tmp_path / "run.h5")
    assert_same(dmft.load(path), run)
    assert_same(Run.load(str(path)), run)


def test_round_trip_of_the_parts(make_run, make_solution, tmp_path, assert_same):
    for number, changes in enumerate(
        (
            {"simulation": None, "comparison": None},
            {"theory": None, "comparison": None, "provenance": {}},
            {"comparison": Comparison((100,), {}), "references": ()},
            {"theory": dataclasses.replace(make_solution(), method={}), "simulation": None},
        )
    ):
        run = make_run(**changes)
        assert_same(Run.load(run.save(tmp_path / f"{number}.h5")), run)


def test_what_is_not_finite_is_null_in_attributes(run, make_run, tmp_path):
    theory = dataclasses.replace(run.theory, diagnostics={"a": math.nan, "b": [math.inf, np.float64(1.0), np.int64(2)]})
    path = make_run(theory=theory).save(tmp_path / "run.h5")
    assert Run.load(path).theory.diagnostics == {"a": None, "b": [None, 1.0, 2]}
    with h5py.File(path) as file:
        assert "NaN" not in file["comparison"].attrs["observables"].decode()
    assert math.isnan(Run.load(path).comparison.observables["norm"].exponent)


def test_structure(run, tmp_path):
    with h5py.File(run.save(tmp_path / "run.h5")) as file:
        text = {name: value.decode() for name, value in file.attrs.items() if isinstance(value, bytes)}
        assert set(file) == {"theory", "simulation", "comparison"}
        assert not [item for item in file.values() if isinstance(item, h5py.Dataset)]
        assert (text["schema"], file.attrs["schema_version"], file.attrs["complete"]) == ("dmft-run", 1, 1)
        assert (text["status"], text["status_message"], text["model"]) == ("converged", "all done", "sgd")
        assert json.loads(text["parameters"])["alpha"] == 3.0
        assert json.loads(text["method"]) == run.method
        assert json.loads(text["versions"]) == run.provenance["versions"]
        assert json.loads(text["references"]) == list(run.references)
        assert file.attrs["seed"] == 1
        assert file.attrs["wall_time"] == 1.25
        assert {"command", "created", "platform"} <= set(text)
        assert list(file["comparison"]) == ["size", "norm_deviation", "norm_noise"]
        for side in ("theory", "simulation"):
            attrs = file[side].attrs
            assert {"status", "status_message", "samples", "method", "diagnostics", "coordinates"} == set(attrs)
            _check_group(file[side])


def _check_group(group):
    scales = {name for name, item in group.items() if item.is_scale}
    assert scales == {"t", "t_prime", "margin"}
    for name, item in group.items():
        assert item.dtype == (np.int64 if name == "step" else np.float64), name
        assert {"units", "long_name", "symbol"} <= set(item.attrs), name
        if item.ndim == 0:
            assert item.id.get_create_plist().get_layout() == h5py.h5d.COMPACT
            continue
        assert (item.compression, item.shuffle, item.fletcher32) == ("gzip", True, True), name
        if name not in scales:
            assert [len(axis) for axis in item.dims] == [1] * item.ndim, f"one scale on each axis of {name}"
    assert [axis[0].name for axis in group["correlation"].dims] == [f"{group.name}/t", f"{group.name}/t_prime"]
    assert group["step"].dims[0][0].name == f"{group.name}/t"
    assert group["norm"].attrs["ancillary_variables"] == b"norm_stderr"
    assert group["norm"].attrs["coordinates"] == b"step"
    assert "coordinates" not in group["margins"].attrs
    assert group["energy_density"].attrs["units"] == "J/m³".encode()


def test_everything_is_under_a_checksum(run, tmp_path):
    """Text of variable length would lie in a heap without one."""
    path = run.save(tmp_path / "run.h5")
    assert path.read_bytes()[8] == 3, "superblock of HDF5 1.10"
    with h5py.File(path) as file:
        for item in (file, *file.values(), *(array for group in file.values() for array in group.values())):
            for name in set(item.attrs) - {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST"}:
                kind = h5py.check_string_dtype(item.attrs.get_id(name).dtype)
                assert kind is None or (kind.length is not None and kind.encoding == "utf-8"), (item.name, name)


def test_golden_file_of_schema_1(make_run, make_solution):
    """A file written by an earlier version opens for ever; only rounding of exp may differ between machines."""
    run = Run.load(GOLDEN)
    expected = make_run(theory=make_solution(1, steps=4), simulation=make_solution(2, steps=4, size=500))
    assert repr(run.comparison) == repr(expected.comparison)
    for name in ("model", "parameters", "references", "provenance", "changed", "status", "method"):
        assert getattr(run, name) == getattr(expected, name)
    for one, two in ((run.theory, expected.theory), (run.simulation, expected.simulation)):
        assert list(one) == list(two)
        for name in two:
            assert (one[name].dims, one[name].symbol) == (two[name].dims, two[name].symbol)
            np.testing.assert_allclose(one[name].values, two[name].values, rtol=1e-13, atol=1e-15)
            np.testing.assert_array_equal(one[name].stderr, two[name].stderr)


def test_seed_beyond_64_bits(run, make_run, tmp_path, assert_same):
    big = make_run(theory=dataclasses.replace(run.theory, method={"seed": 2**70}))
    assert_same(Run.load(big.save(tmp_path / "run.h5")), big)


def test_arrays_that_netcdf_cannot_name_are_refused(run, make_run, tmp_path):
    curve = run.theory["norm"]
    for change, words in (
        ({"name": "norm_stderr"}, "two arrays are called"),
        ({"name": "t"}, "two arrays are called"),
        ({"name": "a/b"}, "cannot be the name"),
        ({"name": "x", "dims": ("t", "t"), "values": np.ones((41, 41)), "stderr": None}, "but dims"),
        ({"name": "x", "values": np.ones(40), "stderr": None}, "40 points along t"),
    ):
        odd = dataclasses.replace(curve, **change)
        theory = dataclasses.replace(run.theory, curves={**run.theory.curves, "odd": odd})
        with pytest.raises(OutputError, match=words):
            make_run(theory=theory).save(tmp_path / "run.h5")
    assert not list(tmp_path.iterdir())


def _edit(change):
    def apply(path):
        with h5py.File(path, "r+") as file:
            change(file)

    return apply


def _setting(name, value):
    return _edit(lambda file: file.attrs.create(name, value))


def _without(*keys):
    def change(file):
        *groups, last = keys
        target = file
        for group in groups:
            target = target[group]
        del target.attrs[last]

    return _edit(change)


REFUSED = {
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "text": (lambda path: path.write_text("x" * 4096), "not an HDF5 file"),
    "foreign": (_without("schema"), "not one of dmft"),
    "other schema": (_setting("schema", "else"), "not one of dmft"),
    "newer": (_setting("schema_version", 2), "update dmft"),
    "odd version": (_setting("schema_version", "one"), "schema_version"),
    "incomplete": (_setting("complete", 0), "not written to its end"),
    "no complete": (_without("complete"), "not written to its end"),
    "no model": (_without("model"), "'model' of / is missing"),
    "no parameters": (_without("parameters"), "'parameters' of / is missing"),
    "not JSON": (_setting("parameters", "{"), "is not JSON"),
    "JSON list": (_setting("parameters", "[]"), "is not a JSON dict"),
    "wrong kind": (_setting("model", 3), "expected str"),
    "odd status": (_setting("status", "fine"), "known are converged"),
    "no status": (_without("theory", "status"), "'status' of /theory is missing"),
    "no symbol": (_without("theory", "norm", "symbol"), "'symbol' of /theory/norm is missing"),
    "no groups": (_edit(lambda file: [file.pop(name) for name in list(file)]), "neither a group"),
    "no stderr": (_edit(lambda file: file["theory"].pop("norm_stderr")), "norm_stderr"),
    "no scale": (_edit(lambda file: file["theory"].pop("t")), "no dimension scale"),
    "no second scale": (_edit(lambda file: file["theory"].pop("step")), "'step' of /theory is missing"),
    "no deviation": (_edit(lambda file: file["comparison"].pop("norm_noise")), "is damaged"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, run, tmp_path):
    path = run.save(tmp_path / "run.h5")
    spoil, words = REFUSED[case]
    spoil(path)
    with pytest.raises(FileFormatError, match=words) as caught:
        Run.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    for path, words in ((tmp_path / "none.h5", "does not exist"), (tmp_path, "is a folder")):
        with pytest.raises(FileFormatError, match=words):
            Run.load(path)
    with pytest.raises(FileFormatError, match="cannot read"):
        Run.load(tmp_path / ("x" * 300))


def test_every_truncation_is_refused(small_run, tmp_path):
    data = small_run.save(tmp_path / "run.h5").read_bytes()
    path = tmp_path / "cut.h5"
    for length in [*range(0, len(data), len(data) // 60), len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(FileFormatError):
            Run.load(path)


@pytest.mark.parametrize("count", [200, pytest.param(4_000, marks=pytest.mark.slow)])
def test_flipped_bits_are_refused_or_harmless(count, small_run, tmp_path, assert_same):
    data = small_run.save(tmp_path / "run.h5").read_bytes()
    path, refused = tmp_path / "flipped.h5", 0
    for position in np.random.default_rng(7).integers(8 * len(data), size=count):
        spoilt = bytearray(data)
        spoilt[position // 8] ^= 1 << (position % 8)
        path.write_bytes(spoilt)
        try:
            found = Run.load(path)
        except FileFormatError:
            refused += 1
        else:
            assert_same(found, small_run)
    assert refused > count / 2, "most of the file matters"
