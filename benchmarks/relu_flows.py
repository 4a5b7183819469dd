"""Ten thousand flows of one ReLU neuron: exact, by the ensemble integrator, and by others, at equal error.

The others are a loop over scipy and, if it is installed, diffrax (all flows at once, timed after JAX has compiled).

    python benchmarks/relu_flows.py [flows]

The loop is timed on a few flows and multiplied. Each method gets the loosest tolerance whose largest error (of the
first flows, against the exact limits) is below the target. Uses the threads of NUMBA_NUM_THREADS.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from scipy.integrate import solve_ivp

from dmft.solvers.flow.callbacks import right_side
from dmft.solvers.flow.solve import integrate
from dmft.solvers.piecewise.solve import flow_relu

DIMENSION, SAMPLES, END, TARGET, LOOP = 2, 20, 1.0, 1e-6, 40


@right_side
def descent(t, y, parameters, data, out):
    n, d = parameters.shape[0] // (y.shape[0] + 1), y.shape[0]
    for k in range(d):
        out[k] = 0.0
    for i in range(n):
        z = 0.0
        for k in range(d):
            z += parameters[i * d + k] * y[k]
        if z > 0.0:
            for k in range(d):
                out[k] -= (z - parameters[n * d + i]) * parameters[i * d + k]


def main(flows: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((flows, SAMPLES, DIMENSION))
    y = np.abs(rng.standard_normal((flows, SAMPLES)))
    w = 0.1 * rng.standard_normal((flows, DIMENSION))
    rows = np.concatenate([x.reshape(flows, -1), y], axis=1)

    def exact() -> np.ndarray:
        return flow_relu(x, y, w, t_eval=[END]).w[:, 0]

    def ensemble(rtol: float, count: int = flows) -> np.ndarray:
        return integrate(descent, (0.0, END), w[:count], parameters=rows[:count], rtol=rtol, atol=1e-2 * rtol).y_end

    def loop(rtol: float, method: str) -> np.ndarray:
        ends = []
        for m in range(LOOP):

            def slope(t, v, x=x[m], y=y[m]):
                z = x @ v
                return ((z > 0.0) * (y - z)) @ x

            ends.append(solve_ivp(slope, (0.0, END), w[m], method=method, rtol=rtol, atol=1e-2 * rtol).y[:, -1])
        return np.array(ends)

    flow_relu(x[:2], y[:2], w[:2], t_eval=[END])  # compiles
    ensemble(1e-3, 2)
    seconds = {}
    started = time.perf_counter()
    truth = exact()
    seconds["exact"] = time.perf_counter() - started
    print(f"exact:            {seconds['exact']:8.3f} s for {flows} flows")
    rtol = loosest(lambda rtol: np.abs(ensemble(rtol, LOOP) - truth[:LOOP]).max())
    started = time.perf_counter()
    error = np.abs(ensemble(rtol) - truth).max()
    seconds["ensemble"] = time.perf_counter() - started
    print(f"dormand_prince:   {seconds['ensemble']:8.3f} s, rtol {rtol:.0e}, largest error of all {error:.1e}")
    for method in ("RK45", "DOP853", "LSODA"):
        rtol = loosest(lambda rtol, method=method: np.abs(loop(rtol, method) - truth[:LOOP]).max())
        started = time.perf_counter()
        error = np.abs(loop(rtol, method) - truth[:LOOP]).max()
        needed = (time.perf_counter() - started) * flows / LOOP
        print(
            f"solve_ivp {method:7s} {needed:8.1f} s ({LOOP} flows timed), rtol {rtol:.0e}, error {error:.1e}: "
            f"{needed / seconds['exact']:.0f} times the exact one, {needed / seconds['ensemble']:.0f} times the other"
        )
    others = diffrax_flows(x, y, w)
    if others:
        rtol = loosest(lambda rtol: np.abs(others(rtol, LOOP) - truth[:LOOP]).max())
        others(rtol, flows)  # compiles
        started = time.perf_counter()
        error = np.abs(others(rtol, flows) - truth).max()
        needed = time.perf_counter() - started
        print(
            f"diffrax Dopri5    {needed:8.1f} s, rtol {rtol:.0e}, largest error of all {error:.1e}: "
            f"{needed / seconds['exact']:.0f} times the exact one, {needed / seconds['ensemble']:.1f} times the other"
        )


def diffrax_flows(x, y, w):
    """A call ``(rtol, count) -> ends`` with the same integrator from diffrax, or None if that is not installed."""
    try:
        import diffrax
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)

    def slope(t, v, data):
        z = data[0] @ v
        return ((z > 0.0) * (data[1] - z)) @ data[0]

    @jax.jit
    def flows(x, y, w, rtol):
        def one(x, y, w):
            steps = diffrax.PIDController(rtol=rtol, atol=1e-2 * rtol)
            term, solver = diffrax.ODETerm(slope), diffrax.Dopri5()
            return diffrax.diffeqsolve(
                term, solver, 0.0, END, None, w, (x, y), stepsize_controller=steps, max_steps=2**16
            ).ys[-1]

        return jax.vmap(one)(x, y, w)

    return lambda rtol, count: np.asarray(flows(x[:count], y[:count], w[:count], rtol))


def loosest(error) -> float:
    """The largest tolerance 10^-k with an error below the target."""
    return next(rtol for rtol in 10.0 ** -np.arange(3.0, 14.0) if error(rtol) < TARGET)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
