"""Measures of the noise of SGD over batch fraction b and persistence τ: they order the algorithms the same way.

Over-parametrised three-cluster data, weights 1/b (docs/theory/sgd_replicas.rst, docs/theory/sgd_boundary.rst). Row one:
theory (lines) and simulation (marks) early, where the theory is resolved; row two: simulation near the end of training;
last panels: effective temperature of the under-parametrised model. Run: ``python examples/noise_measures.py``.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

import dmft

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images" / "noise_measures.png"
#: (b, τ) from little noise to much, as the distance orders them.
POINTS = ((1.0, None), (0.7, None), (0.5, None), (0.3, None), (0.3, 1.0), (0.3, 2.0), (0.3, 5.0))
MEASURES = (
    ("final_distance", "distance $d$"),
    ("boundary_density", "contacts, $|y\\varphi|<10^{-2}$"),
    ("boundary_width", "width, median $|y\\varphi|$"),
)
COMMON = {"normalisation": "inverse", "learning_rate": 0.05}
EARLY = {"steps": 100, "paths": 65536, "seed": 1}
FINITE = {"size": 400, "replicas": 32, "seed": 1, "precision": "float32"}
HOT = {"data": "three-cluster", "alpha": 3.0, "ridge": 0.3, "m0": 1.0, **COMMON}


def measured(solve, slug: str, *names: str, **options) -> dict[str, list[tuple[float, float]]]:
    """Value and standard error of observables (curves: at their end) at all points."""
    extra = {"contact": 1e-2} if slug == "sgd/boundary" else {}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for b, tau in POINTS:
        run = solve(slug, batch_fraction=b, persistence=tau, **extra, **options)
        for name in names:
            found[name].append((run[name].last, run[name].last_stderr))
    return found


def all_measures(solve, **options) -> dict[str, list[tuple[float, float]]]:
    """Distance, contacts and width of the over-parametrised model."""
    distance = measured(solve, "sgd/replicas", "final_distance", **COMMON, **options)
    return distance | measured(solve, "sgd/boundary", "boundary_density", "boundary_width", **COMMON, **options)


def draw(axes, points: list[tuple[float, float]], style: str, label: str) -> None:
    """Values with two standard errors."""
    errors = [2.0 * error for _, error in points]
    axes.errorbar(range(len(POINTS)), [value for value, _ in points], errors, fmt=style, mfc="white", label=label)


def main() -> None:
    figure = Figure((12.0, 5.0), layout="constrained")
    grid = figure.subplots(2, 4, sharex=True)
    theory = all_measures(dmft.solve, **EARLY)
    early = all_measures(dmft.simulate, **FINITE, steps=100)
    late = all_measures(dmft.simulate, **FINITE, steps=1000)
    for column, (name, words) in enumerate(MEASURES):
        draw(grid[0, column], theory[name], "-", "theory, $t=5$")
        draw(grid[0, column], early[name], "o", "simulation, $t=5$")
        draw(grid[1, column], late[name], "s", "simulation, $t=50$")
        for row in (0, 1):
            grid[row, column].set_title(words)
    hot = measured(dmft.solve, "sgd/temperature", "final_effective_temperature", **HOT)
    draw(grid[1, 3], hot["final_effective_temperature"], "-", "theory")
    grid[1, 3].set_title(r"temperature $T_\mathrm{eff}$, lag 40")
    grid[0, 3].set_axis_off()
    for axes in grid[1]:
        axes.set_xticks(range(len(POINTS)), [f"{b:g}" + (f"\nτ={tau:g}" if tau else "") for b, tau in POINTS])
        axes.set_xlabel("batch fraction b")
    for axes in grid[:, 0]:
        axes.legend(frameon=False)
    figure.savefig(TARGET, dpi=110)


if __name__ == "__main__":
    main()
