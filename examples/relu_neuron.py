"""One ReLU neuron: cones and trajectories in the plane, the counterexample's limit, norms and plateaus.

    python examples/relu_neuron.py [FILE.png]

Everything is exact: no step in time, no sampling.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

import dmft
from dmft.results.figures import STYLE
from dmft.solvers.piecewise.solve import flow_relu

BLUE, RED, GREY = "#0072B2", "#D55E00", "0.6"


def cones(axes) -> None:
    """Flow field, edges of the cones x_i·w = 0, trajectories and the support vectors of the limit."""
    angle = np.deg2rad([15.0, 70.0, 160.0, 250.0])
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    y = np.array([1.0, 0.6, 0.9, 0.7])
    turn = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    starts = 1.9 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    flows = flow_relu(x, y, starts, t_eval=np.concatenate([[0.0], np.geomspace(1e-3, 60.0, 400)]))
    grid = np.linspace(-2.0, 2.0, 25)
    across, up = np.meshgrid(grid, grid)
    z = np.stack([across, up], axis=-1) @ x.T
    field = ((z > 0.0) * (y - z)) @ x
    speed = np.maximum(np.linalg.norm(field, axis=2), 1e-9)
    axes.quiver(across, up, field[..., 0] / speed, field[..., 1] / speed, color="0.85", scale=40.0, width=0.003)
    for sample in x:  # the edge of the half plane where it is active
        axes.plot(2.9 * np.array([-sample[1], sample[1]]), 2.9 * np.array([sample[0], -sample[0]]), color=GREY, lw=0.8)
    for path in flows.w:
        axes.plot(path[:, 0], path[:, 1], color=BLUE, lw=0.8)
    ends = np.unique(np.round(flows.limit, 6), axis=0)
    axes.plot(ends[:, 0], ends[:, 1], "o", color=RED, ms=4, zorder=3)
    supports = flows.support[np.argmax(np.linalg.norm(flows.limit, axis=1))]
    for sample, mine in zip(x, supports, strict=True):
        style = {"color": RED if mine else GREY, "width": 0.008, "zorder": 4}
        axes.quiver(0.0, 0.0, *sample, angles="xy", scale_units="xy", scale=1.0, **style)
    axes.set(xlim=(-2, 2), ylim=(-2, 2), xlabel="$w_1$", ylabel="$w_2$", aspect="equal")
    axes.set_title("(a) cones; red: limits, support vectors of one", loc="left")


def counterexample(axes) -> None:
    """Third component of the limit of vardi-shamir against γ: no function of the data's zero-loss weights alone."""
    gamma = np.geomspace(0.2, 100.0, 60)
    last = [dmft.solve("relu-neuron", data="vardi-shamir", gamma=value)["limit"].values[2] for value in gamma]
    axes.semilogx(gamma, last, color=BLUE, label="one neuron, from 0")
    small = [dmft.solve("relu-neuron/hidden", gamma=value, init_scale=1e-4)["limit"].values[2] for value in gamma[::6]]
    axes.semilogx(gamma[::6], small, "o", color=RED, mfc="white", label="hidden neuron, $ε = 10^{-4}$")
    axes.axhline(-0.2307281, color=GREY, ls="--", lw=0.8)
    axes.set(xlabel=r"$\gamma$", ylabel="$s$")
    axes.legend()
    axes.set_title(r"(b) limit $(5, -1, s)$ of vardi-shamir", loc="left")


def norms(axes) -> None:
    """Norm against time from starts of several sizes, same direction, same data."""
    for norm, colour in zip((1e-3, 1e-2, 0.1, 1.0, 3.0), plt.cm.viridis(np.linspace(0.0, 0.9, 5)), strict=True):
        run = dmft.solve("relu-neuron", init_norm=norm, data_seed=3, t_max=1.2)
        axes.semilogy(run.theory.coordinates["t"].values, run["norm"].values, color=colour, label=f"{norm:g}")
    axes.set(xlabel="$t$", ylabel=r"$\|w\|$")
    axes.legend(title=r"$\|w_0\|$")
    axes.set_title("(c) norm from starts of several sizes", loc="left")


def plateaus(axes) -> None:
    """Loss of the network from small starts: one plateau for each sign of the labels, longer for smaller starts."""
    for scale, colour in zip((1e-2, 1e-4, 1e-6), plt.cm.viridis((0.0, 0.45, 0.85)), strict=True):
        run = dmft.solve("relu-neuron/network", scale=scale, t_max=20.0)
        axes.plot(run.theory.coordinates["t"].values, run["loss"].values, color=colour, label=f"{scale:g}")
    axes.set(xlabel="$t$", ylabel="$L$")
    axes.legend(title="scale")
    axes.set_title("(d) plateaus of the network's loss", loc="left")


def main(path: Path) -> None:
    with matplotlib.rc_context(fname=STYLE):
        figure, ((first, second), (third, fourth)) = plt.subplots(2, 2, figsize=(7.0, 6.0), layout="constrained")
        cones(first)
        counterexample(second)
        norms(third)
        plateaus(fourth)
        figure.savefig(path, dpi=200, metadata={"Software": "dmft"})


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "relu_neuron.png"))
