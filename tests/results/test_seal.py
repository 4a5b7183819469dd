"""The digest answers for every number and word, and can be checked without this package."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import h5py
import numpy as np
import pytest

from dmft.errors import FileFormatError
from dmft.results import seal
from dmft.results.layout import Group, Variable, describe
from dmft.results.run import Run

COVERED = {"schema", "schema_version", "status", "model", "parameters", "figure", "wall_time", "seed"}


@pytest.fixture
def file(run, tmp_path):
    """A file open for changes, and its path."""
    path = run.save(tmp_path / "run.h5")
    with h5py.File(path, "r+") as opened:
        yield opened, path


def names_of(file):
    return json.loads(file.attrs["digest"])["names"]


def test_every_number_and_word_is_covered(file, run):
    opened, _ = file
    names = names_of(opened)
    assert {f"@{name}" for name in COVERED} <= set(names["/"])
    for where, group in describe(run)[1].items():
        assert set(names[where]) == {f"@{name}" for name in group.attrs} | {*group.coordinates, *group.variables}


CHANGES = {
    "a number": lambda file: file["theory/norm"].write_direct(np.nextafter(file["theory/norm"][()], 9.0)),
    "the sign of zero": lambda file: file["theory/response"].write_direct(
        np.where(file["theory/response"][()] == 0, -0.0, file["theory/response"][()])
    ),
    "a scalar": lambda file: file["simulation/final_norm"].write_direct(np.array(0.25)),
    "a coordinate": lambda file: file["theory/t"].write_direct(2.0 * file["theory/t"][()]),
    "a parameter": lambda file: file.attrs.modify("parameters", file.attrs["parameters"].replace(b"3.0", b"4.0")),
    "a seed": lambda file: file.attrs.modify("seed", 2),
    "a unit": lambda file: file["theory/norm"].attrs.modify("units", "kg"),
    "a status": lambda file: file["theory"].attrs.modify("status", "diverged"),
    "a verdict": lambda file: file["comparison"].attrs.modify("verdict", "deviates"),
    "two arrays swapped": lambda file: (
        file.move("theory/norm", "theory/x"), file.move("theory/train_loss", "theory/norm"),
        file.move("theory/x", "theory/train_loss"),
    ),
    "a group less": lambda file: file.pop("comparison"),
    "no digest": lambda file: file.attrs.pop("digest"),
    "a digest of nothing": lambda file: file.attrs.modify("digest", '{"sha256": "", "names": {}}'),
    "a digest that is not JSON": lambda file: file.attrs.modify("digest", "{"),
    "a digest that is a number": lambda file: file.attrs.modify("digest", 3),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_valid_hdf5_with_another_content_is_refused(change, file):
    """Whatever HDF5's own checksums say: here they are right."""
    opened, path = file
    CHANGES[change](opened)
    opened.close()
    with pytest.raises(FileFormatError, match="digest differs") as caught:
        Run.load(path)
    assert "\n" not in str(caught.value)


def test_notes_of_the_user_are_no_damage(file, run, assert_same):
    opened, path = file
    opened.attrs["note"] = "for figure 3"
    opened["theory"].attrs["note"] = "the good one"
    opened["theory/norm"].attrs["note"] = np.arange(3)
    opened.close()
    assert_same(Run.load(path), run)


def test_damaged_long_attribute(run, tmp_path):
    """HDF5 keeps attributes of more than 4 kB where no checksum is: one flipped bit would be another number."""
    long = dataclasses.replace(run, parameters={f"p{k}": 1.0 + k for k in range(400)})
    data = bytearray(long.save(tmp_path / "run.h5").read_bytes())
    at = data.index(b'"p200": 201.0')
    data[at + len('"p200": 2')] ^= 1
    (tmp_path / "flipped.h5").write_bytes(data)
    with pytest.raises(FileFormatError, match="digest differs"):
        Run.load(tmp_path / "flipped.h5")


def test_digest_by_hand():
    """As docs/file_format.rst describes it."""
    labels = {"units": "1", "long_name": "n", "symbol": "ν"}
    group = Group({"samples": 3}, {"t": Variable(("t",), np.arange(2.0), labels)})
    lines = [
        b'["/", "@model", "sgd"]\n',
        b'["/", "@wall_time", 0.5]\n',
        b'["theory", "@samples", 3]\n',
        '["theory", "t", ["t"], "<f8", [2], {"long_name": "n", "symbol": "ν", "units": "1"}, null]\n'.encode(),
        np.arange(2.0).astype("<f8").tobytes(),
    ]
    made = json.loads(seal.seal({"model": "sgd", "wall_time": 0.5}, {"theory": group}))
    assert made["sha256"] == hashlib.sha256(b"".join(lines)).hexdigest()
    assert made["names"] == {"/": ["@model", "@wall_time"], "theory": ["@samples", "t"]}
