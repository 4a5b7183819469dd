"""Figure of ``error_against_time.py``: error of m and C against CPU seconds, one column per problem.

python benchmarks/plot_error.py results.json figure.png [--steps 100]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from matplotlib.figure import Figure

COLOURS = {
    "this package": ("#0072B2", "o-"),
    "plain probe march": ("#D55E00", "s--"),
    "Picard iteration": ("#009E73", "^:"),
    "simulation": ("#CC79A7", "v-."),
}
ROWS = {"magnetization": "rms error of $m$", "correlation": "rms error of $C$"}


def draw(rows: list[dict], steps: int) -> Figure:
    """The figure for one number of steps."""
    cases = [("logistic", 1.0), ("logistic", 0.3), ("hinge2", 1.0), ("hinge2", 0.3)]
    figure = Figure(figsize=(9.0, 4.6), layout="constrained")
    axes = figure.subplots(2, len(cases), sharex=True, sharey="row")
    for column, (loss, b) in enumerate(cases):
        for line, (key, label) in enumerate(ROWS.items()):
            axis = axes[line, column]
            for name, (colour, style) in COLOURS.items():
                mine = [r for r in rows if (r["loss"], r["b"], r["steps"], r["method"]) == (loss, b, steps, name)]
                axis.loglog([r["cpu"] for r in mine], [r[key] for r in mine], style, color=colour, ms=4, label=name)
            axis.axhline(1e-3, color="0.7", lw=0.8, zorder=0)
            if column == 0:
                axis.set_ylabel(label)
        axes[0, column].set_title(f"{loss}, $b={b:g}$, $T={steps}$", fontsize=9)
        axes[1, column].set_xlabel("CPU seconds")
    axes[0, 0].legend(fontsize=7, frameon=False)
    return figure


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("figure", type=Path)
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    draw(json.loads(options.results.read_text()), options.steps).savefig(options.figure, dpi=130)


if __name__ == "__main__":
    main()
