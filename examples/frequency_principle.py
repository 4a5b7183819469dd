"""Figure of the page on f-principle: from lazy to rich learning, and the rate of each frequency on dense data.

    python examples/frequency_principle.py

Writes docs/images/f_principle_rich.png.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

import dmft
from dmft.results.figures import STYLE, save_figure

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images" / "f_principle_rich.png"
SCALES = (1000.0, 300.0, 100.0, 30.0, 10.0, 3.0)
SIZE, STEPS, LARGEST = 240, 6000, 6


def lazy_to_rich(axes) -> None:
    """Times to fit over those of the theory, against the output scale."""
    theory = dmft.solve("f-principle", max_frequency=LARGEST)["time_to_fit"].values
    ratios, moved = [], []
    for scale in SCALES:
        run = dmft.simulate(
            "f-principle", max_frequency=LARGEST, steps=STEPS, output_scale=scale, size=SIZE, replicas=2
        )
        ratios.append(run["time_to_fit"].values / theory)
        moved.append(run.scalars["weight_displacement"].last)
        print(f"scale {scale:6g}  displacement {moved[-1]:.2e}  t/theory", np.round(ratios[-1][2:], 3))
    for k, row in enumerate(np.array(ratios).T):
        if k >= 2:
            good = np.isfinite(row)
            axes.semilogx(np.array(SCALES)[good], row[good], "o-", markersize=3, label=f"$k={k}$")
    axes.axhline(1.0, color="0.4", linestyle="--", linewidth=0.8)
    axes.set_xlabel(r"output scale $\kappa$")
    axes.set_ylabel("time to fit / theory")
    axes.set_title("(a) rich (left) and lazy (right)", loc="left")
    axes.legend()


def dense(axes) -> None:
    """Time to fit of each frequency on 41 random values, and the law ln 20 / (γ² n/L)."""
    x = np.linspace(-1.0, 1.0, 41)
    y = np.random.default_rng(0).standard_normal(41)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dense.csv"
        path.write_text("\n".join(f"{a},{b}" for a, b in zip(x, y, strict=True)))
        run = dmft.solve("f-principle/lfp", data=str(path))
    frequency = run.theory.coordinates["frequency"].values
    rate = run["gamma_squared"].values / (2.0 * run.parameters["bias_range"]) * 40.0 / 2.0
    shown = frequency < 10.0
    axes.loglog(frequency[shown], run["time_to_fit"].values[shown], "o-", markersize=3, label="LFP, 41 random values")
    axes.loglog(frequency[shown], np.log(20.0) / rate[shown], "--", color="0.4", label=r"$\ln 20/(\gamma^2 n/L)$")
    axes.set_xlabel(r"$\xi$")
    axes.set_ylabel("time to fit")
    axes.set_title("(b) each frequency at its rate", loc="left")
    axes.legend()


def main() -> None:
    with matplotlib.rc_context(fname=STYLE):
        figure = Figure((7.0, 2.7), layout="constrained")
        left, right = figure.subplots(1, 2)
        lazy_to_rich(left)
        dense(right)
    print(save_figure(figure, TARGET))


if __name__ == "__main__":
    main()
