"""Steps of the sin² map per second and core: thousands of starts, one start, and with events.

python benchmarks/sin2_map.py
"""

from __future__ import annotations

import os
import time

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np

from dmft.solvers.map.solve import iterate
from dmft.theory.bn_weight_decay import BNWeightDecay
from dmft.theory.kernels.sin2 import cycle, sin2

STEPS = 200_000


def rate(members: int, steps: int, events: bool) -> float:
    """Steps per second."""
    model = BNWeightDecay(eta=0.1, weight_decay=0.01)
    starts = model.starts(model.drawn_angles(members, np.random.default_rng(0)))
    call = {"events": cycle, "direction": (1.0, -1.0), "keep_events": 1000} if events else {}
    iterate(sin2, starts, 10, parameters=model.map_parameters, **call)  # compile
    started = time.perf_counter()
    iterate(sin2, starts, steps, parameters=model.map_parameters, **call)
    return members * steps / (time.perf_counter() - started)


if __name__ == "__main__":
    for members, events in ((64, False), (64, True), (1, False)):
        best = max(rate(members, STEPS if members > 1 else 10 * STEPS, events) for _ in range(3))
        print(f"{members:3d} starts, {'with' if events else 'without'} events: {best:.3g} steps/s on one core")
