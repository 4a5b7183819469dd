"""Self-training: expansion and its bounds (arXiv:2010.03622)."""

from __future__ import annotations

from ...results.checks import Agrees, Between, Bounded, Equals
from ...results.claims import Pick
from ..recipe import Recipe, Task

WEI = "Wei et al., arXiv:2010.03622"

NARROW = Task("solve", "self-training/expansion", {"radius": 0.5, "mislabelled_mass": 0.1}, name="h = 1")
WIDE = Task("solve", "self-training/expansion", {"radius": 1.0, "mislabelled_mass": 0.1}, name="h = 2")
MINIMISER = Task("compare", "self-training/expansion", {"replicas": 4, "seed": 1}, full={"replicas": 16})

RECIPES = (
    Recipe(
        "self-training/expansion",
        "gaussian",
        "Gaussian classes expand: a set of a tenth of a class has neighbours of 3.89 times its mass within a "
        "distance of 1, and "
        "of 7.64 times within 2.",
        f"{WEI}, section 3; sharp by isoperimetry",
        [NARROW, WIDE],
        [
            Equals(Pick("expansion"), "3.89"),
            Equals(Pick("expansion", task="h = 2"), "7.64"),
            Equals(Pick("expansion_half"), "1.683"),
        ],
    ),
    Recipe(
        "self-training/expansion",
        "denoising",
        "Consistent minimisers improve on the pseudolabels, within a bound that follows from expansion.",
        f"{WEI}, theorem 4.3",
        [MINIMISER],
        [
            Equals(Pick("threshold", side="theory"), "0.2596"),
            Bounded(Pick("error", side="theory"), Pick("denoising_bound", side="theory")),
            Between(Pick("error", side="theory"), high=0.5, over=Pick("pseudolabel_error", side="theory")),
            Agrees(),
        ],
        note="The bound is loose: the error of the minimiser is 0. It is an improvement for less than a third "
        "mislabelled and an "
        "expansion above 3.",
    ),
)
