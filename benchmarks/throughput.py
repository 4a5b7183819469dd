"""`march` against the plain NumPy march of the same equations and against brute-force simulation; machine limits.

    python benchmarks/throughput.py [--large]

Times are medians of interleaved repetitions after compilation. ``--large`` adds 1000 steps × 100 000 paths.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time

import numpy as np
import numpy_march
from numba import njit, prange

import dmft

MODEL = {"alpha": 2.0, "delta": 0.5, "ridge": 0.1}


@njit(parallel=True)
def triad(a, b, c):
    """STREAM triad on all threads."""
    for i in prange(a.shape[0]):
        a[i] = b[i] + 3.0 * c[i]


def best(function, repeat: int = 5) -> float:
    """Shortest wall time of several calls after one to warm up."""
    function()
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return min(times)


def machine() -> tuple[float, float]:
    """STREAM triad in GB/s and double-precision matrix product in GFLOP/s."""
    a, b, c = (np.ones(40_000_000) for _ in range(3))
    stream = 3 * a.nbytes / best(lambda: triad(a, b, c)) / 1e9
    m = np.random.default_rng(0).standard_normal((2000, 2000))
    gemm = 2 * 2000**3 / best(lambda: m @ m) / 1e9
    print(f"machine: STREAM triad {stream:.1f} GB/s, GEMM {gemm:.0f} GFLOP/s (float64, all threads)")
    return stream, gemm


def against_numpy(b: float, stream: float, steps: int = 200, paths: int = 20000, repeat: int = 5) -> None:
    """Equal paths, single call: the first requirement; and what each call's error is."""
    batches = -(-paths // 2048)  # nets of 2048 points each, so that no fewer paths are used than asked for
    common = {**MODEL, "batch_fraction": b, "steps": steps, "paths": 2048 * batches, "batches": batches}
    calls = {
        "NumPy march": lambda: numpy_march.march(
            numpy_march.logistic, alpha=2.0, delta=0.5, ridge=0.1, b=b, eta=0.2, steps=steps, paths=paths, seed=0
        ),
        "default": lambda: dmft.solve("sgd", **common),
        "float64": lambda: dmft.solve("sgd", **common, precision="float64"),
        "random, probe": lambda: dmft.solve("sgd", **common, sampler="random", response="probe"),
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    results = {}
    for name, call in calls.items():
        results[name] = call()
    for _ in range(repeat):
        for name, call in calls.items():
            time.sleep(0.3)  # idle threads of the linear algebra library go on spinning for a while
            started = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - started)
    reference = dmft.solve("sgd", **{**common, "paths": 262144, "batches": 8, "seed": 99})
    truth = reference["magnetization"].values
    base = statistics.median(times["NumPy march"])
    base_error = float(np.sqrt(np.mean((results["NumPy march"]["magnetization"] - truth) ** 2)))
    print(f"b={b}, {steps} steps × {paths} paths:")
    for name, values in times.items():
        seconds = statistics.median(values)
        result = results[name]
        error = base_error
        if name != "NumPy march":
            error = float(np.sqrt(np.mean((result["magnetization"].values - truth) ** 2)))
        text = f"  {name:24s} {seconds:6.3f} s, ratio {base / seconds:5.2f}, rms error of m {error:.1e}"
        if name != "NumPy march":
            facts = result.theory.diagnostics
            size = 8 if name == "float64" else 4
            # history sums: innovations once, basis twice (memory with subtraction, projection)
            moved = 3.0 * facts["paths_used"] * facts["noise_rank"] * (steps + 1) / 2 * size
            text += f", history {moved / seconds / 1e9:.1f} GB/s = {moved / seconds / 1e9 / stream:.0%} of STREAM"
            text += f", equal-error ratio {base / seconds * (base_error / error) ** 2:.0f}"
        print(text)


def against_simulation(steps: int = 100, size: int = 2000, replicas: int = 8) -> None:
    """Replicas needed until the simulation's error of m is that of the default DMFT run."""
    common = {**MODEL, "steps": steps}
    dmft.solve("sgd", **common)
    started = time.perf_counter()
    theory = dmft.solve("sgd", **common)
    solve_time = time.perf_counter() - started
    started = time.perf_counter()
    run = dmft.simulate("sgd", **common, size=size, replicas=replicas)
    simulation_time = time.perf_counter() - started
    ratio = float(np.mean((run["magnetization"].stderr[1:] / theory["magnetization"].stderr[1:]) ** 2))
    needed = simulation_time * ratio
    print(
        f"brute force at N={size}: {replicas * ratio:.0f} replicas, {needed:.0f} s to the standard error of m that "
        f"one solve gives in {solve_time:.2f} s: ratio {needed / solve_time:.0f} (finite-size bias not counted)"
    )


def large() -> None:
    """1000 steps × 100 000 paths."""
    started = time.perf_counter()
    run = dmft.solve("sgd", **MODEL, steps=1000, paths=100_000)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"1000 steps × {run.theory.diagnostics['paths_used']} paths: {time.perf_counter() - started:.0f} s, "
        f"peak {peak:.2f} GB, {run.theory.diagnostics['response_paths']} with exact response"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    if options.large:
        large()
    stream, _ = machine()
    for b in (0.3, 1.0):
        against_numpy(b, stream)
    against_simulation()


if __name__ == "__main__":
    main()
