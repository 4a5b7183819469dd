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
    ("sgd/replicas", "final_distance", "distance $d$"),
    ("sgd/boundary", "boundary_density", "contacts, $|y\\varphi|<10^{-2}$"),
    ("sgd/boundary", "boundary_width", "width, median $|y\\varphi|$"),
)
COMMON = {"normalisation": "inverse", "learning_rate": 0.05}
EARLY = {"steps": 100, "paths": 65536, "seed": 1}
FINITE = {"size": 400, "replicas": 32, "seed": 1, "precision": "float32"}
HOT = {"data": "three-cluster", "alpha": 3.0, "ridge": 0.3, "m0": 1.0, **COMMON}


def scalars(solve, slug: str, **options) -> list[dict]:
    """The scalars of a model at all points."""
    extra = {"contact": 1e-2} if slug == "sgd/boundary" else {}
    return [solve(slug, batch_fraction=b, persistence=tau, **extra, **options).scalars for b, tau in POINTS]


def draw(axes, runs: list[dict], name: str, style: str, label: str) -> None:
    """Values with two standard errors."""
    axes.errorbar(
        range(len(POINTS)), [run[name].last for run in runs], [2.0 * run[name].last_stderr for run in runs],
        fmt=style, mfc="white", capsize=2, label=label,
    )  # fmt: skip


def main() -> None:
    panels = 4 if "sgd/temperature" in dmft.models() else 3
    figure = Figure((3.0 * panels, 5.0), layout="constrained")
    grid = figure.subplots(2, panels, sharex=True, squeeze=False)
    slugs = dict.fromkeys(slug for slug, _, _ in MEASURES)
    theory = {slug: scalars(dmft.solve, slug, **COMMON, **EARLY) for slug in slugs}
    early = {slug: scalars(dmft.simulate, slug, **COMMON, **FINITE, steps=100) for slug in slugs}
    late = {slug: scalars(dmft.simulate, slug, **COMMON, **FINITE, steps=1000) for slug in slugs}
    for column, (slug, name, words) in enumerate(MEASURES):
        draw(grid[0, column], theory[slug], name, "-", "theory, $t=5$")
        draw(grid[0, column], early[slug], name, "o", "simulation, $t=5$")
        draw(grid[1, column], late[slug], name, "s", "simulation, $t=50$")
        for row in (0, 1):
            grid[row, column].set_title(words)
    if panels == 4:
        draw(grid[1, 3], scalars(dmft.solve, "sgd/temperature", **HOT), "temperature", "-", "theory")
        grid[1, 3].set_title("effective temperature")
        grid[0, 3].set_axis_off()
    for axes in grid[1]:
        axes.set_xticks(range(len(POINTS)), [f"{b:g}" + (f", {tau:g}" if tau else "") for b, tau in POINTS])
        axes.set_xlabel(r"$b$ or $b,\tau$")
    for axes in grid[:, 0]:
        axes.legend(frameon=False)
    figure.savefig(TARGET, dpi=110)


if __name__ == "__main__":
    main()
