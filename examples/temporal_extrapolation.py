"""Recurrent networks on longer sequences: bars against the scale of the start, error against length, the law.

Run: ``python examples/temporal_extrapolation.py`` (about a minute on two shared cores).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import dmft

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images" / "temporal_extrapolation_starts.png"
SCALES = (0.1, 0.3, 1.0)
KINDS = {True: ("symmetric", "#0072B2"), False: ("generic", "#D55E00")}
OPTIONS = {"starts": 50, "t_max": 3000.0, "rtol": 1e-8, "integrator": "dormand_prince"}


def bars(axes, runs) -> None:
    """Median of the extrapolation error with quartiles, and its largest value."""
    for offset, (kind, (words, colour)) in enumerate(KINDS.items()):
        x = np.arange(len(SCALES)) + 0.4 * offset
        median, low, high, largest = (
            np.array([runs[scale, kind][name].last for scale in SCALES])
            for name in (
                "final_extrapolation_error",
                "final_error_lower_quartile",
                "final_error_upper_quartile",
                "largest_error",
            )
        )
        spread = np.array([median - low, high - median])
        axes.bar(x, median, 0.38, yerr=spread, color=colour, label=f"{words}, median and quartiles")
        axes.plot(x, largest, "_", color="black", label="largest of 50" if offset else None)
    axes.set_xticks(np.arange(len(SCALES)) + 0.2, [f"{scale:g}" for scale in SCALES])
    axes.set(yscale="log", xlabel="scale of the start", ylabel=r"extrapolation error, $t=3000$")
    axes.legend(fontsize=7)


def lengths(axes, runs) -> None:
    """Median error against the length of the sequence."""
    for (scale, kind), run in runs.items():
        words, colour = KINDS[kind]
        style = {0.1: ":", 0.3: "--", 1.0: "-"}[scale]
        curve = run["error_by_length"]
        axes.plot(
            run.theory.coordinates["length"].values, curve.values, style, color=colour, label=f"{words}, {scale:g}"
        )
    axes.set(yscale="log", ylim=(1e-11, 10.0), xlabel="sequence length $T$", ylabel="median extrapolation error")
    axes.legend(fontsize=6.5, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def law(axes) -> None:
    """Training loss over the law, for three scales of symmetric starts."""
    for scale in (0.03, 0.1, 0.3):
        run = dmft.solve("temporal-extrapolation", init_scale=scale, t_max=1e7, rtol=1e-8)
        t = run.theory.coordinates["t"].values
        (line,) = axes.plot(t, run["train_loss"].values / run["late_time_law"].values, label=f"scale {scale:g}")
        axes.axhline(run["law_ratio_bound"].last, color=line.get_color(), linestyle=":", linewidth=0.8)
    axes.axhline(1.0, color="black", linewidth=0.8)
    axes.set(xscale="log", xlim=(10.0, 1e7), ylim=(0.6, 1.05), xlabel="$t$", ylabel=r"$8w_*^2t^2L$")
    axes.legend(fontsize=7)


def main() -> None:
    runs = {
        (scale, kind): dmft.solve("temporal-extrapolation", init_scale=scale, symmetric=kind, **OPTIONS)
        for scale in SCALES
        for kind in KINDS
    }
    figure = Figure((11.0, 3.4), layout="constrained")
    one, two, three = figure.subplots(1, 3)
    bars(one, runs)
    lengths(two, runs)
    law(three)
    figure.savefig(TARGET, dpi=110, metadata={"Software": "dmft"})
    for (scale, kind), run in runs.items():
        names = ("final_train_loss", "final_extrapolation_error", "largest_error")
        values = [f"{run[name].last:.2e}" for name in names]
        print(f"{KINDS[kind][0]:10} {scale:4g}  loss {values[0]}  error {values[1]}  largest {values[2]}")


if __name__ == "__main__":
    main()
