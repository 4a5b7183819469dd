"""1000 gradient flows of linear recurrent networks against a loop over scipy's solve_ivp, at equal measured error.

The error is that of the response m_0 … m_{k−1} at the end, relative to its norm, median over flows, against a run with
far smaller tolerances. The loop is timed on six flows, ours on as many as 15 s allow, 1000 at most.
Run: ``python benchmarks/recurrent_flows.py [T …]``.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from scipy.integrate import solve_ivp

from dmft.results.progress import SILENT
from dmft.solvers.ensemble import threads
from dmft.theory.linear_rnn import response
from dmft.theory.temporal_extrapolation import TemporalExtrapolation

FLOWS, LOOP = 1000, 6
TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)


def right_side(d: int, k: int, w: float):
    """The flow in NumPy: all powers, then one product of Hankel form."""
    hankel = np.add.outer(np.arange(k - 1), np.arange(k - 1)) + 1

    def evaluate(t, y):
        A, B, C = y[: d * d].reshape(d, d), y[d * d : d * d + d], y[d * d + d :]
        U, V = np.empty((k, d)), np.empty((k, d))
        U[0], V[0] = C, B
        for j in range(1, k):
            U[j], V[j] = U[j - 1] @ A, A @ V[j - 1]
        r = V @ C
        r[0] -= w
        padded = np.concatenate([r, np.zeros(k)])
        return -np.concatenate([(U[:-1].T @ (padded[hankel] @ V[:-1])).ravel(), r @ U, r @ V])

    return evaluate


def error(states: np.ndarray, exact: np.ndarray, model: TemporalExtrapolation) -> float:
    """Median relative error of the response less the teacher's."""
    k, d = model.train_length, model.state_dim
    target = model.targets()[:k]
    mine, reference = response(states, d, k) - target, response(exact, d, k) - target
    return float(np.median(np.linalg.norm(mine - reference, axis=1) / np.linalg.norm(reference, axis=1)))


def compare(t_max: float) -> None:
    model = TemporalExtrapolation(t_max=t_max)
    starts, end = model.starts(FLOWS), np.array([t_max])

    def ours(count: int, rtol: float, integrator: str):
        method = model.method(rtol=rtol, atol=1e-3 * rtol, integrator=integrator, max_steps=10**7)
        began = time.perf_counter()
        flows = model.flow(starts[:count], end, method, SILENT)
        return flows.y[:, 0, :-1], (time.perf_counter() - began) / count

    precise = "dormand_prince" if t_max <= 3e3 else "rosenbrock"
    exact, _ = ours(LOOP, 1e-12, precise)
    table = {}
    for name in ("chebyshev", "dormand_prince", "rosenbrock"):
        if name == "dormand_prince" and t_max > 3e3:
            continue
        ours(2, 1e-3, name)  # compile
        for rtol in TOLERANCES:
            states, _ = ours(LOOP, rtol, name)
            _, seconds = ours(LOOP, rtol, name)
            table[name, rtol] = error(states, exact, model), seconds
    field = right_side(model.state_dim, model.train_length, model.teacher)
    print(f"t = {t_max:g}, {threads()} threads")
    for rtol in (1e-4, 1e-6):
        for name in ("RK45", "DOP853", "LSODA", "BDF"):
            if t_max > 3e3 and name in ("RK45", "DOP853"):
                continue
            began = time.perf_counter()
            ends = [
                solve_ivp(field, (0.0, t_max), y, name, rtol=rtol, atol=1e-3 * rtol).y[:, -1] for y in starts[:LOOP]
            ]
            loop = (time.perf_counter() - began) / LOOP
            reached = error(np.array(ends), exact, model)
            good = [key for key, (mine, _) in table.items() if mine <= reached]
            chosen = min(good, key=lambda key: table[key][1])
            _, each = ours(min(FLOWS, 10 + int(15.0 / table[chosen][1])), chosen[1], chosen[0])
            print(
                f"  {name:7} rtol {rtol:.0e}: error {reached:.1e}, {1e3 * loop:8.2f} ms a flow; {chosen[0]} error "
                f"{table[chosen][0]:.1e}, {1e3 * each:7.3f} ms a flow: {loop / each:6.1f} times faster",
                flush=True,
            )


if __name__ == "__main__":
    for argument in sys.argv[1:] or ["100", "1000", "1e6"]:
        compare(float(argument))
