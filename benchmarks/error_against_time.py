"""Error of m, C and R against CPU time: this package, a plain probe march, Picard iteration, direct simulation.

    python benchmarks/error_against_time.py [-o results.json] [--steps 50,100] [--fast]

CPU time is that of all threads. The reference is this package with many paths and other seeds; its own error is
printed and is the floor of what can be seen. Figure: ``benchmarks/plot_error.py results.json figure.png``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import numpy as np
import numpy_march
import picard

import dmft

COMMON = {"alpha": 2.0, "delta": 0.5, "ridge": 0.1, "eta": 0.2}
KEYS = ("magnetization", "correlation", "response")
LOSSES = {"logistic": numpy_march.logistic, "hinge2": numpy_march.hinge2}


def model_options(loss: str, b: float, steps: int) -> dict:
    """The same problem in the words of the package."""
    return {"loss": loss, "batch_fraction": b, "steps": steps, "alpha": 2.0, "delta": 0.5, "ridge": 0.1}


def from_run(solution) -> dict[str, np.ndarray]:
    """Plain arrays of a solution."""
    return {key: solution[key].values for key in KEYS if key in solution}


def package(loss, b, steps, paths, seed):
    """This package with default options."""
    return from_run(dmft.solve("sgd", **model_options(loss, b, steps), paths=paths, seed=seed).theory)


def plain(loss, b, steps, paths, seed):
    """Pseudo-random probe march in NumPy."""
    return numpy_march.march(LOSSES[loss], **COMMON, b=b, steps=steps, paths=paths, seed=seed)


def picard_iteration(loss, b, steps, paths, seed):
    """Damped whole-interval iteration with fresh samples."""
    return picard.iterate(LOSSES[loss], **COMMON, b=b, steps=steps, paths=paths, seed=seed)


def simulation(loss, b, steps, size, seed):
    """Eight replicas at finite size."""
    run = dmft.simulate("sgd", **model_options(loss, b, steps), size=size, replicas=8, seed=seed)
    return from_run(run.simulation)


METHODS = {
    "this package": (package, (512, 2048, 8192, 32768, 131072)),
    "plain probe march": (plain, (2000, 8000, 32000)),
    "Picard iteration": (picard_iteration, (1000, 4000, 16000)),
    "simulation": (simulation, (250, 500, 1000, 2000)),
}


def measure(loss: str, b: float, steps: int, seeds: int, largest: float) -> list[dict]:
    """Rows of one case; a method stops growing when one call takes more than `largest` CPU seconds."""
    for method, sizes in METHODS.values():  # compile and warm up
        method(loss, b, 5, sizes[0], 0)
    references = [package(loss, b, steps, 131072, 1000 + i) for i in range(2)]
    truth = {key: np.mean([item[key] for item in references], axis=0) for key in KEYS}
    floor = {key: rms(references[0][key] - references[1][key]) / 2.0 for key in KEYS}
    print(f"{loss} b={b} T={steps}: reference error " + " ".join(f"{key[0]} {floor[key]:.1e}" for key in KEYS))
    rows = []
    for name, (method, sizes) in METHODS.items():
        for size in sizes:
            errors: dict[str, list[float]] = {key: [] for key in KEYS}
            started = time.process_time()
            for seed in range(seeds):
                result = method(loss, b, steps, size, seed)
                for key in KEYS:
                    errors[key].append(rms(result[key] - truth[key]) if key in result else float("nan"))
            seconds = (time.process_time() - started) / seeds
            row = {key: float(np.sqrt(np.mean(np.square(errors[key])))) for key in KEYS}
            rows.append({"loss": loss, "b": b, "steps": steps, "method": name, "size": size, "cpu": seconds, **row})
            print(f"  {name:18s} {size:7d} {seconds:8.2f} s  " + "  ".join(f"{key[0]} {row[key]:.1e}" for key in KEYS))
            sys.stdout.flush()
            if seconds > largest:
                break
    return rows


def rms(values: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(values**2)))


def cost_at(rows: list[dict], key: str, target: float) -> float:
    """CPU seconds to reach `target` in `key`, from the cheapest row by the law error² · time = constant.

    A row that is better than the target is taken as it is: extrapolating to shorter times would flatter.
    """
    costs = [row["cpu"] * max(1.0, (row[key] / target) ** 2) for row in rows if np.isfinite(row[key])]
    return min(costs, default=float("nan"))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", default="error_against_time.json")
    parser.add_argument("--steps", default="50,100,200,500")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--largest", type=float, default=15.0, help="CPU seconds after which a method stops growing")
    options = parser.parse_args()
    rows: list[dict] = []
    for steps in (int(item) for item in options.steps.split(",")):
        for loss in LOSSES:
            for b in (1.0, 0.3):
                case = measure(loss, b, steps, options.seeds, options.largest)
                rows += case
                for key in ("magnetization", "correlation"):
                    costs = {name: cost_at([r for r in case if r["method"] == name], key, 1e-3) for name in METHODS}
                    best = min(cost for name, cost in costs.items() if name != "this package")
                    text = ", ".join(f"{name} {cost:.3g}" for name, cost in costs.items())
                    print(f"  CPU s to 1e-3 in {key}: {text}; best other / this {best / costs['this package']:.1f}")
                with open(options.output, "w") as file:
                    json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
