"""One ReLU neuron, one hidden neuron, a small network (arXiv:2202.05510, 2012.05156, 2206.00939)."""

from __future__ import annotations

from ...results.checks import Agrees, Between, Equals, Monotone, Ordered
from ...results.claims import NOT_CONFIRMED, PARTLY, Pick
from ..recipe import Recipe, Task

VARDI = "Vardi and Shamir, arXiv:2012.05156"
LEE = "Lee, Sim and Ye, arXiv:2202.05510"
BOURSIER = "Boursier et al., arXiv:2206.00939"
LIMITS = {1.0: "-0.0407729", 2.0: "-0.1106965", 20.0: "-0.2301149"}


def _limit(gamma: float) -> Task:
    return Task("solve", "relu-neuron", {"data": "vardi-shamir", "gamma": gamma}, name=f"γ = {gamma:g}")


def _runs(name: str, **options: object) -> Task:
    given = {"starts": 2000, "norms": 1, "seed": 1, **options}
    return Task("solve", "relu-neuron/norms", given, name=name, full={"starts": 20000})


DESCENT = Task("compare", "relu-neuron", {"seed": 1}, name="descent", full={"size": [1000, 2000, 4000]})
NORMS = Task(
    "compare",
    "relu-neuron/norms",
    {"starts": 2000, "norms": 5, "size": [500, 1000], "replicas": 4, "labels": "positive", "seed": 1},
    name="norms",
    full={"starts": 100000, "norms": 9, "size": [500, 1000, 2000], "replicas": 16},
)
HIDDEN = Task("compare", "relu-neuron/hidden", {"size": [2000, 4000]}, full={"size": [2000, 4000, 8000]})
SMALLER = Task("solve", "relu-neuron/hidden", {"init_scale": 1e-5}, name="smaller")
STAGES = Task("compare", "relu-neuron/network", {"size": [1000]}, full={"learning_rate": 0.0005})

RECIPES = (
    Recipe(
        "relu-neuron",
        "no-norm",
        "No function of the weights is minimised by training a ReLU neuron: the limit (5, −1, s) depends on γ "
        "although all "
        "s ≤ 1 fit.",
        VARDI,
        [_limit(gamma) for gamma in LIMITS],
        [Equals(Pick("limit", {"component": "last"}, task=f"γ = {gamma:g}"), text) for gamma, text in LIMITS.items()],
        note="In three dimensions or more.",
    ),
    Recipe(
        "relu-neuron",
        "descent",
        "The gradient flow goes through cones, linear in each, to a limit that its support vectors fix; "
        "gradient descent follows it.",
        LEE,
        [DESCENT],
        [Agrees(), Between(Pick("final_loss", side="theory"), high=1e-12)],
    ),
    Recipe(
        "relu-neuron/norms",
        "increasing",
        "The norm of the weights increases strictly during training.",
        f"{LEE}, abstract",
        [_runs("plane", init_norm=0.0, labels="teacher"), _runs("space", init_norm=0.0, labels="teacher", dimension=3)],
        [
            Between(Pick("norm_increasing", task="plane"), 1.0, 1.0),
            Between(Pick("norm_increasing", task="space"), 1.0, 1.0),
        ],
        expected=PARTLY,
        note="From zero, in the plane and with labels of a teacher; in three dimensions about 1 % of the runs "
        "are exceptions.",
    ),
    Recipe(
        "relu-neuron/norms",
        "start",
        "The smaller the start, the more runs increase their norm.",
        f"{LEE}, section 4",
        [NORMS],
        [Monotone(Pick("norm_increasing_curve", side="theory"), rising=False), Agrees()],
        note="0.99 of the runs from a norm of 0.001, a tenth from 1.",
    ),
    Recipe(
        "relu-neuron/norms",
        "inactive",
        "Samples that have become inactive stay so.",
        LEE,
        [_runs("plane", init_norm=0.0, labels="teacher")],
        [Between(Pick("reactivating"), 0.0, 0.0)],
        expected=NOT_CONFIRMED,
        note="A few per cent of the runs activate one again.",
    ),
    Recipe(
        "relu-neuron/hidden",
        "bias",
        "With the output weight trained as well the limit is another one, −0.2601522 at γ = 5, and v² − ‖w‖² is "
        "conserved.",
        VARDI,
        [HIDDEN, SMALLER],
        [
            Equals(Pick("limit", {"component": "last"}, task="smaller"), "-0.2601522"),
            Between(Pick("invariant_drift", side="theory"), high=1e-9),
            Agrees(),
        ],
    ),
    Recipe(
        "relu-neuron/network",
        "stages",
        "From a small start a network learns orthogonal inputs one after the other, each as a logistic curve.",
        BOURSIER,
        [STAGES],
        [
            Equals(
                Pick("positive_half_time", side="theory"), Pick("positive_half_time", side="simulation"), within=0.01
            ),
            Equals(
                Pick("negative_half_time", side="theory"), Pick("negative_half_time", side="simulation"), within=0.01
            ),
            Equals(Pick("final_squared_output_weights", side="theory"), "1.341641"),
            Ordered((Pick("positive_half_time", side="theory"), Pick("negative_half_time", side="theory"))),
        ],
        note="Inputs are orthogonal, with one sample of each sign.",
    ),
)
