"""Stationary solver against marching into the stationary state: seconds to equal standard error of T_eff.

    python benchmarks/stationary.py [--paths 4096]

Two clusters with a ridge, and the door of the defaults, where both solvers agree. Seconds are wall time after
compilation, and cost at equal error follows error² · time = constant, which both solvers obey within their uncertainty.
Errors are root mean squares over lags; with 8 batches they are known to about a quarter.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import dmft

PROBLEMS = {
    "two clusters": {"data": "two-cluster", "alpha": 2.0, "ridge": 0.5, "m0": 0.0, "steps": 100, "lags": 20},
    "door": {},
}
SOLVERS = {"marching": {}, "stationary": {"solver": "stationary"}}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--paths", type=int, default=4096)
    options = parser.parse_args()
    for name, problem in PROBLEMS.items():
        print(name)
        compare(problem, options.paths)


def compare(problem: dict[str, object], paths: int) -> None:
    """Run both solvers and print error, time and their cost at equal error."""
    costs, runs = {}, {}
    for name, method in SOLVERS.items():
        dmft.solve("sgd/temperature", **problem, **method, paths=256)  # compiles
        started = time.perf_counter()
        runs[name] = dmft.solve("sgd/temperature", **problem, **method, paths=paths)
        seconds = time.perf_counter() - started
        curve = runs[name]["effective_temperature"]
        error = float(np.sqrt(np.mean((curve.stderr / curve.values) ** 2)))
        costs[name] = seconds * (error / 1e-3) ** 2
        print(f"{name:10s} {seconds:6.2f} s, relative error of T_eff {error:.1e}, {costs[name]:.3g} s to 1e-3")
    one, two = (run["effective_temperature"] for run in runs.values())
    z = np.abs(one.values - two.values) / np.hypot(one.stderr, two.stderr)
    ratio = costs["stationary"] / costs["marching"]
    print(f"stationary / marching at equal error: {ratio:.2g}; largest |z| {z.max():.1f}")


if __name__ == "__main__":
    main()
