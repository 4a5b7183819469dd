"""Cost against error of the two-time solver: CPU seconds to t = 20, 100, 1000, … at 1e-5 in the energy.

    python benchmarks/p_spin.py [--quick | --long]

Up to t = 100 on the uniform grid. The baseline is Heun's rule in plain NumPy (``numpy_two_time.py``), in the same run.
Errors are the largest over all reported times; the reference is the package at a tolerance of 1e-9 (p = 2: the Bessel
functions). ``--long``: the logarithmic grid; errors of p = 2 against the Bessel functions, of p = 3 against its own
finest grid.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import numpy_two_time
from scipy.special import ive

import dmft


def exact(t: np.ndarray) -> np.ndarray:
    """Energy of p = 2 at T = 0: −I₂(4t)/I₁(4t)."""
    return -np.divide(ive(2, 4.0 * t), ive(1, 4.0 * t), out=np.zeros_like(t), where=t > 0.0)


def cpu(call) -> tuple[float, object]:
    """CPU seconds of all threads, and the result."""
    started = time.process_time()
    result = call()
    return time.process_time() - started, result


def package(p: int, t_max: float, tolerance: float):
    """CPU seconds and the run."""
    return cpu(lambda: dmft.solve("p-spin", p=p, t_max=t_max, tolerance=tolerance, max_steps=6400))


def table(p: int, t_max: float, reference: np.ndarray, tolerances: tuple[float, ...]) -> float:
    """Print cost against error; the least CPU seconds that gave 1e-5 in the energy."""
    reached = float("nan")
    print(f"p = {p}, t_max = {t_max:g}, T = 0\n  tolerance  estimated  error(E)   steps  order  CPU s")
    for tolerance in tolerances:
        seconds, run = package(p, t_max, tolerance)
        facts = run.theory.diagnostics
        error = float(np.abs(run["energy"].values - reference).max())
        estimated, steps, order = facts["estimated_error"], facts["steps"], facts["order"]
        print(f"  {tolerance:9.0e}  {estimated:9.1e}  {error:8.1e}  {steps:6d}  {order:5d}  {seconds:5.2f}")
        if error < 1e-5 and not seconds > reached:
            reached = seconds
    return reached


def baseline(p: int, t_max: float, reference: np.ndarray, sizes: tuple[int, ...]) -> float:
    """Print the same of Heun in NumPy; CPU seconds to 1e-5, extrapolated by error ∝ h², cost ∝ h⁻³."""
    for steps in sizes:
        seconds, (energy, *_) = cpu(lambda steps=steps: numpy_two_time.march(p, 0.0, t_max, steps))
        error = float(np.abs(energy[:: steps // 100] - reference).max())
        print(f"  Heun, NumPy: {steps:5d} steps, error {error:.1e}, {seconds:.2f} CPU s")
    return seconds * max(1.0, error / 1e-5) ** 1.5


def long_times(p: int, t_max: float, finest: float) -> None:
    """Print cost against error on the logarithmic grid; p > 2 against the tolerance `finest`, which is not rated."""
    print(f"p = {p}, t_max = {t_max:g}, T = 0\n  tolerance  estimated  error(E)  points   rows  CPU s")
    runs = [(goal, *cpu(lambda goal=goal: dmft.solve("p-spin", p=p, t_max=t_max, grid="logarithmic", tolerance=goal)))
            for goal in (1e-2, 1e-3, finest)]  # fmt: skip
    reference = runs[-1][2]["energy"].values
    if p == 2:
        reference = exact(runs[-1][2].theory.coordinates["t"].values)
    for goal, seconds, run in runs if p == 2 else runs[:-1]:
        facts, error = run.theory.diagnostics, float(np.abs(run["energy"].values - reference).max())
        estimated, points, rows = facts["estimated_error"], facts["points"], facts["rows"]
        print(f"  {goal:9.0e}  {estimated:9.1e}  {error:8.1e}  {points:6d}  {rows:5d}  {seconds:5.1f}", flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="t = 20 only")
    parser.add_argument("--long", action="store_true", help="t = 20 to 1e5 on the logarithmic grid only")
    given = parser.parse_args()
    quick = given.quick
    dmft.solve("p-spin", t_max=1.0)  # compile
    if given.long:
        dmft.solve("p-spin", t_max=1.0, grid="logarithmic", tolerance=0.1)
        for t_max in (20.0, 100.0, 1e3, 1e4, 1e5):
            for p in (2, 3):
                long_times(p, t_max, 1e-4)
        return
    t = np.linspace(0.0, 20.0, 101)
    cases = [(2, 20.0, exact(t)), (3, 20.0, None), *([] if quick else [(3, 100.0, None)])]
    for p, t_max, reference in cases:
        if reference is None:
            reference = package(p, t_max, 1e-9 if t_max <= 20.0 else 3e-8)[1]["energy"].values
        mine = table(p, t_max, reference, (1e-3, 1e-4, 1e-5, 1e-6, 1e-7))
        print(f"  1e-5 in the energy: {mine:.2f} CPU s")
        if t_max <= 20.0:
            other = baseline(p, t_max, reference, (200, 400, 800))
            print(f"  Heun to 1e-5: {other:.0f} CPU s; ratio {other / mine:.0f}")


if __name__ == "__main__":
    main()
