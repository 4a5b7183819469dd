"""A thousand flows of the RL perceptron: the ensemble integrator, and a loop over scipy, at equal measured error.

    python benchmarks/rl_perceptron.py [flows]

The loop is timed on a few flows and multiplied; seconds are those of the processor. Each method gets the loosest
tolerance whose largest error (of the first flows, against DOP853 at 1e-12) is below the target.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_ivp

from dmft.solvers.flow.solve import integrate
from dmft.theory.kernels.rl_perceptron import episodes

END, TARGET, LOOP = 50.0, 1e-6, 40
START = (float(np.arccos(0.05)), 0.0)


def slope(t: float, y: np.ndarray, penalty: float, horizon: float) -> list[float]:
    """The same flow in plain Python (n = T), the fastest that solve_ivp can be given without a compiler."""
    theta = float(y[0])
    if not (0.0 < theta < math.pi and abs(y[1]) < 1400.0):  # as the compiled one
        return [math.nan, math.nan]
    norm = math.exp(0.5 * float(y[1]))
    rho, sine, p = math.cos(theta), math.sin(theta), 1.0 - theta / math.pi
    exact, total = p ** (horizon - 1.0), 1.0 + penalty
    noise = ((1.0 - penalty**2) * p * exact + penalty**2) / horizon / norm**2
    turn = 0.5 * noise * rho / sine - total * sine * exact / (math.sqrt(2.0 * math.pi) * norm)
    return [turn, math.sqrt(2.0 / math.pi) * (total * (1.0 + rho) * exact - 2.0 * penalty) / norm + noise]


def main(flows: int) -> None:
    rng = np.random.default_rng(0)
    penalties, horizons = rng.uniform(0.0, 1.0, flows), rng.integers(2, 10, flows).astype(float)
    rows = np.stack([np.ones(flows), penalties, horizons, horizons, *np.full((3, flows), 0.0)], axis=1)

    def ensemble(rtol: float, count: int = flows) -> np.ndarray:
        return integrate(episodes, (0.0, END), START, parameters=rows[:count], rtol=rtol, atol=1e-2 * rtol).y_end

    def loop(rtol: float, method: str) -> np.ndarray:
        return np.array(
            [
                solve_ivp(
                    slope, (0.0, END), START, method=method, rtol=rtol, atol=1e-2 * rtol,
                    args=(penalties[m], horizons[m]),
                ).y[:, -1]
                for m in range(min(LOOP, flows))
            ]
        )  # fmt: skip

    truth = loop(1e-12, "DOP853")
    ensemble(1e-3, 2)  # compiles
    rtol, error = loosest(lambda rtol: np.abs(ensemble(rtol, len(truth)) - truth).max())
    started = time.process_time()
    ensemble(rtol)
    ours = time.process_time() - started
    print(f"dormand_prince:   {ours:8.3f} s for {flows} flows, rtol {rtol:.0e}, error {error:.1e}")
    for method in ("RK45", "DOP853", "LSODA"):
        rtol, error = loosest(lambda rtol, method=method: np.abs(loop(rtol, method) - truth).max())
        started = time.process_time()
        loop(rtol, method)
        needed = (time.process_time() - started) * flows / len(truth)
        print(
            f"solve_ivp {method:7s} {needed:8.2f} s ({len(truth)} flows timed), rtol {rtol:.0e}, error {error:.1e}: "
            f"{needed / ours:.0f} times the ensemble"
        )


def loosest(error: Callable[[float], float]) -> tuple[float, float]:
    """The largest tolerance 10^-k with an error below the target, and that error."""
    for rtol in 10.0 ** -np.arange(3.0, 14.0):
        found = float(error(rtol))
        if found < TARGET:
            return float(rtol), found
    raise SystemExit("no tolerance is good enough")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
