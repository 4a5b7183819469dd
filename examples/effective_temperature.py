"""Trends of the effective temperature of SGD with b, τ, η, λ and α: theory, simulation, and the law for small noise.

With persistence the law for small noise is far above B/2χ at lag 5.
Run: ``python examples/effective_temperature.py``. A point that is not stationary is drawn as a cross.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

import dmft

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images" / "effective_temperature_trends.png"
BASE = {"batch_fraction": 0.5, "learning_rate": 0.2, "ridge": 0.3, "alpha": 3.0}
PANELS = {
    "batch_fraction": ("batch fraction b", (0.2, 0.35, 0.5, 0.7, 0.9)),
    "persistence": ("persistence τ", (0.5, 1.0, 2.0, 3.0, 5.0)),
    "learning_rate": ("learning rate η", (0.2, 0.3, 0.4, 0.5, 0.6)),
    "ridge": ("ridge λ", (0.3, 0.5, 0.7, 1.0, 1.5)),
    "alpha": ("samples per weight α", (1.0, 2.0, 3.0, 4.0, 6.0)),
}
#: Lag in steps at which B/2χ is read.
LAG = 5
THEORY = {"paths": 2048, "seed": 1}
FINITE = {"size": 400, "replicas": 6, "seed": 1}


def options(name: str, value: float) -> dict[str, float]:
    """Parameters of a point, with steps enough to become stationary: 15/ηλ, and room for the lags."""
    made = BASE | {name: value}
    steps = max(60, round(15.0 / (made["learning_rate"] * made["ridge"])))
    return made | {"steps": steps, "lags": 10}


def draw(axes, name: str, values: tuple[float, ...], solve, style: str, label: str, **method) -> None:
    """B/2χ with two standard errors, and for the theory the law for small noise."""
    law = []
    color = "C0" if solve is dmft.solve else "C1"
    for value in values:
        run = solve("sgd/temperature", **options(name, value), **method)
        curve = run["effective_temperature"]
        error = 0.0 if curve.stderr is None else 2.0 * curve.stderr[LAG - 1]
        mark = style if run.main.status.success else "x"
        axes.errorbar(value, curve.values[LAG - 1], error, fmt=mark, color=color, mfc="white",
                      label=label if value == values[0] else None)  # fmt: skip
        law.append(run["small_noise_temperature"].last)
    if solve is dmft.solve:
        axes.plot(values, law, "--", color="0.5", label="small noise")


def main() -> None:
    figure = Figure((12.0, 2.6), layout="constrained")
    for axes, (name, (words, values)) in zip(figure.subplots(1, len(PANELS)), PANELS.items(), strict=True):
        draw(axes, name, values, dmft.solve, "o", "theory", **THEORY)
        draw(axes, name, (values[1], values[3]), dmft.simulate, "s", "simulation", **FINITE)
        axes.set_xlabel(words)
        axes.set_ylim(bottom=0.0)
    figure.axes[0].set_ylabel(r"$T_\mathrm{eff}$ at lag 5")
    figure.axes[0].legend(frameon=False)
    figure.savefig(TARGET, dpi=90)


if __name__ == "__main__":
    main()
