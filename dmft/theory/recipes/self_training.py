"""Self-training: repeated rounds, averaging, expansion (arXiv:2205.07739, 2006.11006, 2010.03622)."""

from __future__ import annotations

from ...results.checks import Agrees, Between, Bounded, Equals, Ordered
from ...results.claims import PARTLY, Pick
from ..recipe import Recipe, Task

WEI = "Wei et al., arXiv:2010.03622"
TAKAHASHI = "Takahashi, arXiv:2205.07739"
OYMAK = "Oymak and Gulcu, arXiv:2006.11006"
HELPS = (".2526", ".1989", ".1731", ".1642", ".1617", ".1610")
HURTS = (".188", ".236", ".273", ".302", ".327", ".347")
AVERAGES = (".4", ".687", ".854", ".890", ".895")

ROUNDS = Task(
    "compare",
    "self-training",
    {"size": [100, 200], "replicas": 8, "seed": 1},
    name="helps",
    full={"size": [200, 400, 800], "replicas": 16},
)
WEAK = Task(
    "solve",
    "self-training",
    {"alpha_labeled": 1.0, "alpha_unlabeled": 0.7, "lambda_labeled": 0.1, "lambda_unlabeled": 0.1, "delta": 0.5},
    name="hurts",
)
AVERAGING = Task(
    "compare",
    "self-training/averaging",
    {"size": [100, 200], "replicas": 8, "seed": 1},
    name="all",
    full={"size": [500, 1000, 2000], "replicas": 16},
)
REJECTION = Task("solve", "self-training/averaging", {"threshold": 0.5}, name="rejection")


def _errors(task: str, published: tuple[str, ...]) -> tuple[Equals, ...]:
    return tuple(
        Equals(Pick("test_error", {"round": number}, task=task, side="theory"), text)
        for number, text in enumerate(published)
    )


NARROW = Task("solve", "self-training/expansion", {"radius": 0.5, "mislabelled_mass": 0.1}, name="h = 1")
WIDE = Task("solve", "self-training/expansion", {"radius": 1.0, "mislabelled_mass": 0.1}, name="h = 2")
MINIMISER = Task("compare", "self-training/expansion", {"replicas": 4, "seed": 1}, full={"replicas": 16})

RECIPES = (
    Recipe(
        "self-training",
        "rounds",
        "The test error of repeated self-training follows from replica equations, round by round.",
        TAKAHASHI,
        [ROUNDS, WEAK],
        [*_errors("helps", HELPS), *_errors("hurts", HURTS), Agrees("helps")],
    ),
    Recipe(
        "self-training",
        "improves",
        "Self-training improves a classifier by its own labels.",
        TAKAHASHI,
        [ROUNDS, WEAK],
        [Between(Pick("gain", task=name, side="theory"), low=0.0) for name in ("helps", "hurts")],
        expected=PARTLY,
        note="With a strong ridge or large batches; with weak ridge and hard labels it hurts.",
    ),
    Recipe(
        "self-training/averaging",
        "map",
        "The overlap of the averaging estimator obeys a map, and rejecting samples of low confidence raises its "
        "fixed point.",
        OYMAK,
        [AVERAGING, REJECTION],
        [
            *(Equals(Pick("overlap", {"round": number}, side="theory"), text) for number, text in enumerate(AVERAGES)),
            Ordered((Pick("limit_overlap", side="theory"), Pick("limit_overlap", task="rejection"))),
            Agrees(),
        ],
    ),
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
            Equals(Pick("threshold", side="theory"), "0.2597"),
            Bounded(Pick("error", side="theory"), Pick("denoising_bound", side="theory")),
            Between(Pick("error", side="theory"), high=0.5, over=Pick("pseudolabel_error", side="theory")),
            Agrees(),
        ],
        note="The bound is loose: the error of the minimiser is 0. It is an improvement for less than a third "
        "mislabelled and an "
        "expansion above 3.",
    ),
)
