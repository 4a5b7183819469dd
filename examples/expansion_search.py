"""Search for graphs that violate the bounds of ``self-training/expansion``, and for those that come closest.

    python examples/expansion_search.py [--climbs 20] [--steps 1000] [--seed 0] [FILE.png]

Random weighted graphs, changed step by step so that error/bound grows; expansion and minimisers exactly, by trying all
subsets and all labelings. A few minutes on one core; the defaults try about 40 000 graphs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from dmft.simulation.expansion_graphs import check_denoising, check_unsupervised, search, worst_case

CHECKS = {"denoising": check_denoising, "without labels": check_unsupervised}
CLASSES = (2, 3)
COLOURS = ("#0072B2", "#D55E00")


def by_design() -> None:
    """The graphs that meet the bounds but for crumbs."""
    core = 10_000
    for c in (3.0, 3.5, 4.0, 5.0):
        contact = round((c - 3.0) / 2.0 * core) + 1
        found = check_denoising(worst_case(core, contact, round((c - 1.0) * core) - contact))
        print(f"denoising, by design: c = {float(found.expansion):.4f}, error/bound = {found.ratio:.5f}")
    for c in (1.2, 1.5, 2.0, 3.0):
        found = check_unsupervised(worst_case(core, round((c - 1.0) * core), 0))
        print(f"without labels, by design: c = {float(found.expansion):.4f}, error/bound = {found.ratio:.5f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--climbs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("file", nargs="?", type=Path, default=Path("expansion_search.png"))
    options = parser.parse_args()
    by_design()
    figure = Figure((8.0, 3.0), layout="constrained")
    for axes, (name, check) in zip(figure.subplots(1, 2), CHECKS.items(), strict=True):
        for classes, colour in zip(CLASSES, COLOURS, strict=True):
            samples = (6, 9) if classes == 2 else (6, 8)
            found = search(check, options.climbs, options.steps, samples, classes, options.seed)
            print(
                f"{name}, {classes} classes: {found.graphs} graphs, {found.violated} violations, "
                f"largest error/bound {found.largest:.5f}",
                flush=True,
            )
            axes.hist(
                found.ratios, np.linspace(0.0, 1.05, 43), histtype="step", color=colour, label=f"{classes} classes"
            )
        axes.axvline(1.0, color="0.4", ls="--", lw=0.8)
        axes.set(yscale="log", xlabel="error of the worst minimiser / bound", ylabel="graphs", title=name)
        axes.legend(fontsize=7)
    figure.savefig(options.file, dpi=110, metadata={"Software": "dmft"})


if __name__ == "__main__":
    main()
