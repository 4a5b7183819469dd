from __future__ import annotations

import numpy as np
import pytest

STEP = 1e-5  # cube root of round-off: the central difference is good to about 1e-10


@pytest.fixture(scope="session")
def differences():
    """Central differences of ``function(point) -> (R,)`` for every number of `point`, one of each replica at a time."""

    def slope_of(function, point):
        slope, flat = np.empty_like(point), point.reshape(len(point), -1)
        for column in range(flat.shape[1]):
            values = []
            for sign in (1.0, -1.0):
                moved = flat.copy()
                moved[:, column] += sign * STEP
                values.append(function(moved.reshape(point.shape)))
            slope.reshape(len(point), -1)[:, column] = (values[0] - values[1]) / (2.0 * STEP)
        return slope

    return slope_of
