"""Figures of the pages on self-training: both regimes with simulations, and what rejection does to averages.

    python examples/self_training.py [--folder docs/images] [--only self_training,sweep_self_training]

The phase diagram as a file: examples/sweeps/self_training.toml. About a minute on two cores.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import dmft
from dmft.results.figures import STYLE
from dmft.theory.self_training_averaging import SelfTrainingAveraging

BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "0.5"
HURTS = {"alpha_labeled": 1.0, "alpha_unlabeled": 0.7, "lambda_labeled": 0.1, "lambda_unlabeled": 0.1, "delta": 0.5}
CASES = [
    ("square", "hard", BLUE),
    ("square", "soft", RED),
    ("logistic", "hard", GREEN),
    ("logistic", "soft", "#CC79A7"),
]


def both_regimes():
    """Error against the round: losses and labels, theory and simulations of 200 weights."""
    figure, panels = plt.subplots(1, 3, figsize=(9.5, 3.1), layout="constrained")
    for axes, (words, options) in zip(panels, [("helps", {}), ("hurts", HURTS)], strict=False):
        for loss, labels, color in CASES:
            run = dmft.compare("self-training", size=200, replicas=12, seed=1, loss=loss, labels=labels, **options)
            print(words, loss, labels, run.comparison.message)
            theory, found = run.theory["test_error"].values, run.simulation["test_error"]
            axes.plot(theory, color=color, label=f"{loss}, {labels}")
            axes.errorbar(
                range(len(theory)), found.values, 2 * found.stderr, fmt="o", color=color, mfc="white", ms=4, lw=0.8
            )
        axes.axhline(run["bayes_error"].last, color=GREY, ls="--", lw=0.8)
        axes.set(xlabel="round", ylabel="test error", title=words)
    for ridge, color in ((0.1, BLUE), (1.0, RED), (10.0, GREEN)):
        for labels, style in (("hard", ":"), ("soft", "-")):
            run = dmft.solve("self-training", loss="square", labels=labels, lambda_unlabeled=ridge, rounds=100)
            axes = panels[2]
            axes.plot(run["test_error"].values, style, color=color, label=rf"$\lambda_U={ridge:g}$, {labels}")
    axes.axhline(run["bayes_error"].last, color=GREY, ls="--", lw=0.8)
    axes.set(xscale="symlog", xlabel="round", title="square loss, many rounds")
    panels[0].legend(fontsize=6.5)
    axes.legend(fontsize=6.5)
    return figure


def rejection():
    """Overlap against the round, the map, and the fixed point against the threshold."""
    figure, panels = plt.subplots(1, 3, figsize=(9.5, 3.1), layout="constrained")
    for gamma, color in ((0.0, BLUE), (0.45, RED), (1.5, GREEN)):
        run = dmft.compare("self-training/averaging", threshold=gamma, rounds=8, size=400, replicas=12, seed=1)
        print(gamma, run.comparison.message)
        found = run.simulation["overlap"]
        panels[0].plot(run.theory["overlap"].values, color=color, label=rf"$\Gamma={gamma:g}$")
        panels[0].errorbar(range(9), found.values, 2 * found.stderr, fmt="o", color=color, mfc="white", ms=4, lw=0.8)
    panels[0].set(xlabel="round", ylabel=r"overlap $\rho$")
    rho = np.linspace(0.0, 1.0, 400)
    for sigma, gamma, color in ((0.7, 0.0, BLUE), (0.7, 0.45, RED), (0.1, 1.0, GREEN)):
        model = SelfTrainingAveraging(sigma=sigma, threshold=gamma)
        panels[1].plot(rho, model.step(rho), color=color, label=rf"$\sigma={sigma:g}$, $\Gamma={gamma:g}$")
        for point in model.fixed_points():
            stable = abs(model.slope(point)) < 1.0
            panels[1].plot(
                point, point, "o", color=color, mfc=color if stable else "white", ms=4.5, clip_on=False, zorder=4
            )
    panels[1].plot(rho, rho, color=GREY, lw=0.8, ls="--")
    panels[1].set(xlabel=r"$\rho$", ylabel=r"$\rho'$", title="the map; full: stable")
    for kappa, color in ((0.1, BLUE), (0.5, RED), (2.0, GREEN)):
        run = dmft.solve("self-training/averaging", kappa=kappa)
        gamma = run.theory.coordinates["threshold"].values
        panels[2].plot(gamma, run["limit_by_threshold"].values, color=color, label=rf"$\kappa={kappa:g}$")
    panels[2].set(xlabel=r"threshold $\Gamma$", ylabel=r"$\rho_\infty$", title=r"fixed point, $\sigma=0.7$")
    for axes in panels:
        axes.legend(fontsize=6.5)
    return figure


def phase_diagram():
    """Gain over the unlabelled batch and its ridge, the line where it vanishes, and simulations on either side."""
    figure, axes = plt.subplots(figsize=(5.2, 3.6), layout="constrained")
    alpha, ridge = np.linspace(0.4, 6.0, 29), np.geomspace(0.01, 100.0, 33)
    gain = [
        [dmft.solve("self-training", alpha_unlabeled=a, lambda_unlabeled=r)["gain"].last for a in alpha] for r in ridge
    ]
    size = np.abs(gain).max()
    colors = axes.pcolormesh(alpha, ridge, gain, cmap="RdBu", vmin=-size, vmax=size, shading="nearest", rasterized=True)
    figure.colorbar(colors, label="gain: error of the supervised round − error at the end")
    axes.contour(alpha, ridge, gain, [0.0], colors="k", linewidths=1.2)
    for a, r in ((1.0, 0.3), (1.0, 5.0), (3.0, 0.1), (3.0, 5.0), (5.0, 0.1), (5.0, 1.0)):
        found = dmft.simulate("self-training", alpha_unlabeled=a, lambda_unlabeled=r, size=200, replicas=12, seed=4)[
            "gain"
        ]
        theory = dmft.solve("self-training", alpha_unlabeled=a, lambda_unlabeled=r)["gain"].last
        print(
            f"alpha_U={a:g} lambda_U={r:g}: theory {theory:.4f}, simulation {found.last:.4f} ± {found.last_stderr:.4f}"
        )
        look = {
            "ha": "center",
            "va": "center",
            "fontsize": 7,
            "bbox": {"fc": "white", "ec": "k", "lw": 0.5, "pad": 1.5},
        }
        axes.text(a, r, f"{found.last:+.3f}", **look)
    axes.set(
        yscale="log", xlabel=r"$\alpha_U$", ylabel=r"$\lambda_U$", title="blue: helps; red: hurts; boxes: simulation"
    )
    return figure


FIGURES = {
    "self_training": both_regimes,
    "sweep_self_training": phase_diagram,
    "self_training_averaging": rejection,
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("docs/images"))
    parser.add_argument("--only", default=",".join(FIGURES))
    options = parser.parse_args()
    for name in options.only.split(","):
        with plt.style.context(STYLE):
            FIGURES[name]().savefig(options.folder / f"{name}.png", dpi=110)


if __name__ == "__main__":
    main()
