"""Overhead of a sweep over the ideal, the sum of point times divided by the workers: 200 points of about 0.2 s.

The points are busy (a closed form of calibrated length), so the parent competes with the workers for the cores as in
practice. Measured several times: other processes on the machine lengthen single runs.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

import dmft
from dmft.sweeps.store import Store
from dmft.sweeps.work import unpack


def calibrated_steps(seconds: float) -> int:
    """Steps of ``sgd/ridge`` that take about so long here."""
    steps = 500
    dmft.solve("sgd/ridge", steps=steps)
    while True:
        started = time.perf_counter()
        dmft.solve("sgd/ridge", steps=steps)
        taken = time.perf_counter() - started
        if taken > 0.5 * seconds:
            return round(steps * (seconds / taken) ** 0.5)  # nodes × steps: quadratic
        steps *= 2


def measure(points: int, steps: int, jobs: int) -> tuple[float, float]:
    """Wall time and sum of the times of the points, seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "phase.h5"
        started = time.perf_counter()
        dmft.sweep("sgd/ridge", {"alpha": np.linspace(0.5, 4.0, points)}, path, steps=steps, jobs=jobs)
        wall = time.perf_counter() - started
        records = [unpack(file.read_bytes()) for file in Store(path).folder.glob("*.npz")]
    return wall, sum(record.seconds for record in records)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    steps = calibrated_steps(options.seconds)
    overheads = []
    for _ in range(options.repeat):
        wall, busy = measure(options.points, steps, options.jobs)
        ideal = busy / options.jobs
        overheads.append(wall / ideal - 1.0)
        print(
            f"{options.points} points of {busy / options.points:.3f} s with {options.jobs} workers: "
            f"{wall:.2f} s, ideal {ideal:.2f} s, overhead {overheads[-1]:.1%}"
        )
    print(f"overhead: best {min(overheads):.1%}, median {statistics.median(overheads):.1%}")


if __name__ == "__main__":
    main()
