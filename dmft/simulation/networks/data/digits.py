"""The 1797 handwritten digits of 8 × 8 pixels that scikit-learn brings along: real data without a download."""

from __future__ import annotations

import numpy as np

from ....theory.targets import bundled_digits
from .dataset import Dataset, classes, split

#: Seed of the split: the same for all runs, so that errors are those of the same test samples.
SPLIT = 2


def digits(test_fraction: float = 0.2) -> Dataset:
    """Images (n, 8, 8, 1), standardised, with one-hot targets (n, 10).

    Raises
    ------
    ParameterError
        If scikit-learn is not installed.
    """
    images, labels = bundled_digits()
    rows = classes(images.reshape(-1, 8, 8, 1), labels, 10)
    return split(*rows, test_fraction, np.random.default_rng(SPLIT)).standardised()
