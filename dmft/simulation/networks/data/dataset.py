"""Samples to train on and samples to test with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ....errors import ParameterError

Array = np.ndarray


@dataclass(frozen=True)
class Dataset:
    """Inputs and targets of both kinds, in float64.

    Attributes
    ----------
    inputs, test_inputs : ndarray (n, …)
        Images have the axes (rows, columns, channels).
    targets, test_targets : ndarray (n, outputs)
        For classes, rows of the identity matrix.
    """

    inputs: Array
    targets: Array
    test_inputs: Array
    test_targets: Array

    @property
    def labels(self) -> Array:
        """The largest target of each training sample."""
        return np.argmax(self.targets, axis=1)

    @property
    def test_labels(self) -> Array:
        """The same of each test sample."""
        return np.argmax(self.test_targets, axis=1)

    def flat(self) -> Dataset:
        """With all numbers of a sample in one row."""
        return replace(
            self,
            inputs=self.inputs.reshape(len(self.inputs), -1),
            test_inputs=self.test_inputs.reshape(len(self.test_inputs), -1),
        )

    def standardised(self) -> Dataset:
        """With the mean over all numbers of the training inputs 0, and their variance 1."""
        shift, scale = self.inputs.mean(), max(float(self.inputs.std()), 1e-300)
        return replace(self, inputs=(self.inputs - shift) / scale, test_inputs=(self.test_inputs - shift) / scale)


def classes(inputs: Array, labels: Array, number: int) -> tuple[Array, Array]:
    """Inputs and one-hot rows (n, number)."""
    return inputs, np.eye(number)[labels]


def split(inputs: Array, targets: Array, test_fraction: float, rng: np.random.Generator) -> Dataset:
    """Draw the samples to test with.

    Raises
    ------
    ParameterError
        If one of the parts would be empty.
    """
    tests = round(test_fraction * len(inputs))
    if not 0 < tests < len(inputs):
        raise ParameterError(
            f"a test fraction of {test_fraction:g} of {len(inputs)} samples leaves {tests} to test with and "
            f"{len(inputs) - tests} to train on: give a fraction between 0 and 1 that leaves some of both"
        )
    order = rng.permutation(len(inputs))
    test, train = order[:tests], order[tests:]
    return Dataset(inputs[train], targets[train], inputs[test], targets[test])
