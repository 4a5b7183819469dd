"""The periodic regime between two older views: equilibrium and instability, joined by the smallest angle of noise.

python examples/bn_limits.py [figure.png]
"""

from __future__ import annotations

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import dmft
from dmft.results.figures import STYLE
from dmft.results.scales import tick_logarithm

ETA, DECAY = 0.1, 0.01
FLOORS = np.concatenate([np.geomspace(1e-90, 1e-10, 9), np.geomspace(1e-8, 1e-1, 22)])


def swing(floor: float) -> tuple[float, float, float]:
    """Smallest and largest β late in a run, and the mean period."""
    run = dmft.solve("bn-weight-decay", eta=ETA, weight_decay=DECAY, noise_floor=floor, steps=40000, members=2)
    late = 2.0 * run["elr"].values[len(run["elr"].values) // 2 :]
    return float(np.quantile(late, 0.002)), float(np.quantile(late, 0.998)), run["period_mean"].last


def main(path: str) -> None:
    product = ETA * DECAY
    low, high, period = np.array([swing(floor) for floor in FLOORS]).T
    none = swing(0.0)
    law = np.sqrt(2.0 * product * np.log(1.0 / FLOORS))
    inside = (-np.log(FLOORS) < np.pi**2 / (8.0 * product)) & (np.sqrt(product / 2.0) > FLOORS)
    depth = -np.log10(FLOORS)
    plt.style.use(STYLE)
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.0, 3.0), layout="constrained")
    left.plot(depth, high, "o", color="#D55E00", mfc="white", ms=4, label="map, largest and smallest")
    left.plot(depth, low, "o", color="#D55E00", mfc="white", ms=4)
    left.plot(
        depth[inside],
        2.0 * np.exp(law[inside]),
        color="#0072B2",
        label=r"law $2e^{\pm\sqrt{2\eta\lambda\ln 1/\varphi_f}}$",
    )
    left.plot(depth[inside], 2.0 * np.exp(-law[inside]), color="#0072B2")
    edge = np.sqrt(product / 2.0)  # above it, the balance of noise and decay is below β = 2, and stable
    noisy = np.geomspace(edge, FLOORS[-1], 20)
    balance = np.append(np.sqrt(2.0 * product) / noisy[::-1], 2.0)
    where = np.append(-np.log10(noisy[::-1]), depth[0])
    left.plot(
        where, balance, color="0.4", ls="--", lw=0.9, label=r"equilibrium, $\beta^2\varphi^2=2\eta\lambda$ or $\beta=2$"
    )
    for value in none[:2]:
        left.axhline(value, color="0.4", ls=":", lw=0.9)
    left.plot([], [], color="0.4", ls=":", lw=0.9, label="instability, no floor")
    left.axvline(-np.log10(edge), color="0.7", lw=0.8)
    left.set(xlabel=r"$-\log_{10}\varphi_f$", ylabel=r"$\beta=2a\tilde\eta$", xscale="log", yscale="log")
    left.set_ylim(0.1, 10.0)  # room for the legend
    left.legend(fontsize=6.5, loc="lower right")
    tick_logarithm(left.yaxis, np.array([0.2, 9.0]), at_points=False)
    right.plot(depth, period * product, "o", color="#D55E00", mfc="white", ms=4, label="map")
    right.plot(depth[inside], np.sqrt(2.0 * np.log(1.0 / FLOORS[inside]) * product), color="#0072B2", label="law")
    right.axhline(none[2] * product, color="0.4", ls=":", lw=0.9, label="instability, no floor")
    right.set(xscale="log", xlabel=r"$-\log_{10}\varphi_f$", ylabel=r"$T\eta\lambda$")
    right.legend(fontsize=6.5, loc="center left")
    for axes in (left, right):
        tick_logarithm(axes.xaxis, np.array([1.5, 90.0]), at_points=False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "bn_limits.png")
