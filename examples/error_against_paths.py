"""Standard error and time of the marching solver against paths, sampler and response (docs/numerics.rst).

Run: ``NUMBA_NUM_THREADS=1 python examples/error_against_paths.py > docs/error_against_paths.csv``;
times are those of one core.
"""

from __future__ import annotations

import dmft

PROBLEM = {"alpha": 2.0, "steps": 40, "seed": 1}
CHOICES = (("sobol", "exact"), ("sobol", "probe"), ("random", "exact"), ("random", "probe"))
PATHS = (2**12, 2**14, 2**16)


def row(batch_fraction: float, sampler: str, response: str, paths: int) -> str:
    """One line: choices, standard errors of m(T), C(T,T), R(T,T/2), seconds."""
    run = dmft.solve(
        "sgd", batch_fraction=batch_fraction, sampler=sampler, response=response, paths=paths, batches=16, **PROBLEM
    )
    end = PROBLEM["steps"]
    errors = (
        run["magnetization"].stderr[end],
        run["norm"].stderr[end],
        run["response"].stderr[end, end // 2],
    )
    numbers = ", ".join(f"{error:.1e}" for error in errors)
    return f"{batch_fraction:g}, {sampler}, {response}, {paths}, {numbers}, {run.theory.diagnostics['seconds']:.2f}"


if __name__ == "__main__":
    dmft.solve("sgd", steps=2, paths=64, response="exact")  # compile
    dmft.solve("sgd", steps=2, paths=64, response="probe")
    for b in (0.3, 1.0):
        for sampler, response in CHOICES:
            for paths in PATHS:
                print(row(b, sampler, response, paths), flush=True)
