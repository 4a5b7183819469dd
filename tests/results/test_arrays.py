"""Arrays from a user's file, or one kind of error whatever is wrong with it."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from dmft.results.arrays import read_arrays

X = np.arange(6.0).reshape(2, 3)


@pytest.fixture(params=["own.npz", "own.h5"])
def file(request, tmp_path):
    path = tmp_path / request.param
    if path.suffix == ".npz":
        np.savez_compressed(path, x=X, y=X[0])
    else:
        with h5py.File(path, "w") as out:
            out["x"], out["y"] = X, X[0]
            out.create_group("z")
    return path


def test_arrays_by_name(file):
    np.testing.assert_array_equal(read_arrays(file)["x"], X)
    assert set(read_arrays(file)) == {"x", "y"}
    assert set(read_arrays(file, ("y", "none"))) == {"y"}


def test_a_truncated_file_is_refused(file):
    whole = file.read_bytes()
    for part in np.linspace(0.0, 0.98, 25):
        file.write_bytes(whole[: int(part * len(whole))])
        with pytest.raises(ValueError, match=r"."):
            read_arrays(file)


def test_a_changed_byte_of_an_archive_is_noticed_or_harmless(tmp_path):
    path = tmp_path / "own.npz"
    np.savez_compressed(path, x=X)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            found = read_arrays(path)
        except ValueError:
            continue
        for values in found.values():  # at most the name of the array has changed
            np.testing.assert_array_equal(values, X)


def test_what_is_no_file_of_its_kind(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "none.npz")
    np.save(tmp_path / "one.npy", X)
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with pytest.raises(ValueError, match=r"."):
        read_arrays(tmp_path / "one.npz")
    with h5py.File(tmp_path / "own.h5", "w") as out:
        out.create_group("x")
    with pytest.raises(ValueError, match="is a group"):
        read_arrays(tmp_path / "own.h5", ("x",))
