"""Generalisation against the load: BN, WN with gamma decay and vanilla training, identity and ReLU, with simulations.

python examples/bn_generalization.py [figure.png]
"""

from __future__ import annotations

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import dmft
from dmft.results.figures import STYLE

SLUG = "bn-regularization/generalization"
LOOK = {"wn-decay": ("#0072B2", "WN + gamma decay"), "vanilla": ("0.4", "vanilla"), "bn": ("#009E73", "exact BN")}


def main(path: str) -> None:
    plt.style.use(STYLE)
    figure, panels = plt.subplots(1, 2, figsize=(7.5, 3.2), layout="constrained", sharey=True)
    for activation, axes in zip(("identity", "relu"), panels, strict=True):
        for optimiser, (color, label) in LOOK.items():
            if activation == "relu" and optimiser == "bn":
                continue
            run = dmft.compare(
                SLUG, activation=activation, optimiser=optimiser, zeta=0.25 if optimiser == "wn-decay" else None,
                penalty="literal", batch=8, size=150, replicas=6, seed=1,
            )  # fmt: skip
            x = run.theory.coordinates["alpha"].values
            found = run.simulation["epsilon_gen_by_alpha"]
            axes.plot(x, run.theory["epsilon_gen_by_alpha"].values, color=color, label=label)
            axes.errorbar(x, found.values, 2.0 * found.stderr, fmt="o", color=color, mfc="white", ms=4, lw=0.8)
        axes.set(xscale="log", yscale="log", xlabel=r"$\alpha=P/N$", title=f"{activation}, S = 0.25")
        axes.legend(fontsize=7)
    panels[0].set_ylabel(r"$\varepsilon_\mathrm{gen}$")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "bn_generalization.png")
