"""What networks are trained on: digits, files and their mistakes, mixtures, teachers."""

from __future__ import annotations

import sys

import h5py
import numpy as np
import pytest

from dmft.errors import ParameterError
from dmft.simulation.networks import starts
from dmft.simulation.networks.data.dataset import split
from dmft.simulation.networks.data.digits import digits
from dmft.simulation.networks.data.files import read_dataset
from dmft.simulation.networks.data.mixtures import gaussian_mixture, random_means
from dmft.simulation.networks.data.teachers import teacher
from dmft.simulation.networks.dense import Dense
from dmft.simulation.networks.network import Network

RNG = np.random.default_rng(0)
INPUTS, LABELS = RNG.standard_normal((20, 3)), np.arange(20) % 2


def write(path, **arrays):
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file[name] = array
    return str(path)


def test_digits():
    pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'dmft[data]'")
    data = digits()
    assert data.inputs.shape == (1438, 8, 8, 1)
    assert data.test_inputs.shape == (359, 8, 8, 1)
    assert data.inputs.mean() == pytest.approx(0.0, abs=1e-12)
    assert data.inputs.std() == pytest.approx(1.0)
    assert data.targets.sum(axis=1) == pytest.approx(1.0)
    assert set(data.labels) == set(data.test_labels) == set(range(10))
    assert data.flat().test_inputs.shape == (359, 64)
    np.testing.assert_array_equal(digits().inputs, data.inputs)


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ParameterError, match=r"not installed: pip install 'dmft\[data\]'"):
        digits()


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_own_arrays(tmp_path, suffix):
    path = write(tmp_path / f"own{suffix}", inputs=INPUTS, labels=LABELS)
    data = read_dataset(path, 0.25)
    assert data.inputs.shape == (15, 3)
    assert data.test_targets.shape == (5, 2)
    scaled = np.concatenate([data.inputs, data.test_inputs]) * 1.0
    order = np.argsort(scaled[:, 0])  # standardising keeps the order
    labels = np.concatenate([data.labels, data.test_labels])[order]
    np.testing.assert_array_equal(labels, LABELS[np.argsort(INPUTS[:, 0])])
    images = np.tile(INPUTS[:, :, None], (1, 1, 4))
    path = write(tmp_path / f"both{suffix}", inputs=images, labels=LABELS, test_inputs=images[:7], test_labels=[0] * 7)
    data = read_dataset(path)
    assert data.inputs.shape == (20, 3, 4, 1)
    assert data.test_inputs.shape == (7, 3, 4, 1)
    np.testing.assert_allclose(data.test_inputs, data.inputs[:7])


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"inputs": INPUTS}, r"lacks labels \(it holds inputs\): give an"),
        ({"x": INPUTS}, r"lacks inputs and labels \(it holds no arrays\)"),
        ({"inputs": INPUTS, "labels": LABELS, "test_labels": LABELS}, "lacks test_inputs"),
        ({"inputs": INPUTS[:, 0], "labels": LABELS}, r"inputs has the shape \(20,\) and labels \(20,\): give"),
        ({"inputs": INPUTS, "labels": LABELS[:-1]}, r"\(20, 3\) and labels \(19,\)"),
        ({"inputs": INPUTS, "labels": np.eye(2)[LABELS]}, r"labels \(20, 2\)"),
        ({"inputs": INPUTS, "labels": LABELS - 1}, "labels reach from -1 to 0: give integers that number"),
        ({"inputs": INPUTS, "labels": LABELS + 0.5}, "labels reach from 0.5 to 1.5"),
        ({"inputs": INPUTS, "labels": 2 * LABELS}, "labels reach up to 2, but only 2 of the values"),
        ({"inputs": INPUTS, "labels": 0 * LABELS}, "number at least two classes"),
        (
            {"inputs": np.where(INPUTS > 0.0, INPUTS, np.inf), "labels": LABELS},
            "inputs holds numbers that are not finite",
        ),
        ({"inputs": INPUTS * 1j, "labels": LABELS}, "inputs holds complex128, not real numbers"),
        (
            {"inputs": INPUTS, "labels": LABELS, "test_inputs": INPUTS[:, :2], "test_labels": LABELS},
            r"a sample of test_inputs has the shape \(2,\), one of inputs \(3,\)",
        ),
        (
            {"inputs": INPUTS, "labels": LABELS, "test_inputs": INPUTS, "test_labels": LABELS + 1},
            "test_labels reach up to 2, labels up to 1",
        ),
    ],
)
def test_wrong_arrays_are_told(tmp_path, suffix, arrays, message):
    path = write(tmp_path / f"own{suffix}", **arrays)
    with pytest.raises(ParameterError, match=message) as caught:
        read_dataset(path)
    assert "\n" not in str(caught.value)


def test_wrong_files_are_told(tmp_path):
    for name, message in (("no.npz", "does not exist"), ("own.csv", "is no .npz or .h5 file")):
        with pytest.raises(ParameterError, match=message):
            read_dataset(str(tmp_path / name))
    for name in ("own.npz", "own.h5"):
        (tmp_path / name).write_text("not what it says")
        with pytest.raises(ParameterError, match="cannot be read"):
            read_dataset(str(tmp_path / name))
    with h5py.File(tmp_path / "group.h5", "w") as file:
        file.create_group("inputs")
        file["labels"] = LABELS
    with pytest.raises(ParameterError, match="is a group, not an array"):
        read_dataset(str(tmp_path / "group.h5"))
    with pytest.raises(ParameterError, match="leaves 0 to test with"):
        split(INPUTS, LABELS, 0.01, RNG)


def test_mixture_and_teacher():
    means = random_means(3, 5, 4.0, np.random.default_rng(1))
    assert np.linalg.norm(means, axis=1) == pytest.approx(4.0)
    inputs, labels = gaussian_mixture(30000, means, 0.5, np.random.default_rng(2))
    for kind in range(3):
        own = inputs[labels == kind]
        assert abs(len(own) - 10000) < 4 * np.sqrt(30000 * 2 / 9)
        np.testing.assert_allclose(own.mean(axis=0), means[kind], atol=5 * 0.5 / np.sqrt(len(own)))
        assert own.std() == pytest.approx(np.sqrt(0.25 + means[kind].var()), rel=0.02)
    network = Network((Dense(2, starts.normal(1.0), None),), (5,))
    x, y = teacher(4000, network, 0.3, np.random.default_rng(3))
    kernel = network.views(network.start([np.random.default_rng(3)]))[0]["kernel"][0]
    rest = y - x @ kernel
    assert rest.std() == pytest.approx(0.3, abs=4 * 0.3 / np.sqrt(2 * rest.size))
