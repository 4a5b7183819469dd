"""The three-arm study of the reduced space: Adam on five targets, medians and quartiles over 10 seeds.

Run: ``python examples/reduced_space.py`` (about three minutes on two shared cores).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import dmft
from dmft.theory.reduced_space_training import ARMS

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images" / "reduced_space_arms.png"
CASES = {"sine": 20, "absolute": 20, "step": 20, "gaussian": 40, "franke": 40}
COLOURS = ("#555555", "#E69F00", "#0072B2")


def main() -> None:
    figure = Figure((11.0, 3.4), layout="constrained")
    bars, curves = figure.subplots(1, 2)
    for column, (target, neurons) in enumerate(CASES.items()):
        run = dmft.simulate(
            "reduced-space/training", target=target, neurons=neurons, optimiser="adam", size=400, replicas=10
        )
        line = []
        for offset, ((arm, words), colour) in enumerate(zip(ARMS.items(), COLOURS, strict=True)):
            name = f"adam_mse_{arm}"
            middle, low, high = (run[f"final_{name}{suffix}"].last for suffix in ("", "_lower", "_upper"))
            label = words if column == 0 else None
            spread = np.array([[middle - low], [high - middle]])
            bars.bar(column + 0.27 * offset, middle, 0.25, yerr=spread, color=colour, label=label)
            line.append(f"{middle:.2e} ({low:.1e}–{high:.1e})")
            if target == "sine":
                epoch = run.simulation.coordinates["epoch"].values
                curves.plot(epoch, run[name].values, color=colour, label=words)
                curves.fill_between(
                    epoch, run[f"{name}_lower"].values, run[f"{name}_upper"].values, color=colour, alpha=0.2, lw=0
                )
        print(f"{target:9} N = {neurons}  " + " | ".join(line))
    bars.set_xticks(np.arange(len(CASES)) + 0.27, [f"{name}\n$N={count}$" for name, count in CASES.items()])
    bars.set(yscale="log", ylabel="MSE after 5000 epochs of Adam")
    bars.legend(fontsize=7)
    curves.set(xscale="log", yscale="log", xlabel="epoch", ylabel="MSE", title="sine")
    curves.legend(fontsize=7)
    figure.savefig(TARGET, dpi=110, metadata={"Software": "dmft"})


if __name__ == "__main__":
    main()
