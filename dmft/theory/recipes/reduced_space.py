"""Unit weights and bounded thresholds: exact reduction, and what it does for training (arXiv:1805.08340)."""

from __future__ import annotations

from ...results.checks import Agrees, Between, Bounded, Ordered
from ...results.claims import NOT_CONFIRMED, PARTLY, Pick
from ..recipe import Recipe, Task

QIN = "Qin, Zhou and Xiu, arXiv:1805.08340, abstract"

RANDOM = Task(
    "compare",
    "reduced-space",
    {"size": [50, 100, 200], "replicas": 20, "seed": 1},
    name="relu",
    full={"size": [500, 1000, 2000], "replicas": 100},
)
DEEP = Task("solve", "reduced-space", {"hidden_layers": 3, "seed": 1}, name="deep")
BINARY = Task("solve", "reduced-space", {"activation": "binary", "seed": 1}, name="binary")


def _training(target: str, neurons: int, epochs: int) -> Task:
    options = {
        "target": target,
        "neurons": neurons,
        "optimiser": "adam",
        "epochs": epochs,
        "size": 200,
        "replicas": 8,
        "seed": 1,
    }
    return Task(
        "simulate", "reduced-space/training", options, name=target, full={"epochs": 5000, "size": 400, "replicas": 16}
    )


FLOW = Task(
    "compare",
    "reduced-space/training",
    {"optimiser": "gradient_descent", "t_max": 20.0, "starts": 8, "size": [100, 200], "replicas": 8, "seed": 1},
    name="flow",
    full={"t_max": 100.0, "starts": 20, "size": [100, 200, 400], "replicas": 16},
)
TARGETS = [_training("sine", 20, 2000), _training("absolute", 20, 1000), _training("step", 20, 1000)]


def _log(arm: str, task: str) -> Pick:
    return Pick(f"adam_log_mse_{arm}", {"epoch": "last"}, task=task)


RECIPES = (
    Recipe(
        "reduced-space",
        "equivalence",
        "A network equals one whose weights lie on the unit sphere and whose thresholds lie in a bounded interval.",
        QIN,
        [RANDOM, DEEP, BINARY],
        [
            Between(Pick("largest_difference", side="theory"), high=1e-13),
            Between(Pick("largest_difference", task="deep"), high=1e-13),
            Between(Pick("largest_difference", task="binary"), high=1e-13),
            Agrees(),
        ],
        note="On a bounded domain; for binary units off a null set.",
    ),
    Recipe(
        "reduced-space",
        "neurons",
        "The number of neurons does not grow, and the search space becomes smaller.",
        QIN,
        [RANDOM, DEEP],
        [
            Bounded(Pick("reduced_neurons", side="theory"), Pick("neurons", side="theory")),
            Bounded(Pick("reduced_neurons", task="deep"), Pick("neurons", task="deep")),
            Ordered((Pick("reduced_neurons", side="theory"), Pick("neurons", side="theory"))),
        ],
        note="It may grow by one, where a single neuron is saturated.",
    ),
    Recipe(
        "reduced-space/training",
        "flow",
        "Training can be accomplished in the reduced space.",
        QIN,
        [FLOW, TARGETS[0]],
        [
            Agrees(),
            Between(
                Pick("final_mse_reduced", side="theory"),
                high=0.95,
                over=Pick("mse_reduced", {"t": "first"}, side="theory"),
            ),
            Between(
                Pick("final_adam_mse_reduced", task="sine"),
                high=0.5,
                over=Pick("adam_mse_reduced", {"epoch": "first"}, task="sine"),
            ),
        ],
    ),
    Recipe(
        "reduced-space/training",
        "constraint",
        "The smaller space facilitates the optimisation.",
        QIN,
        TARGETS,
        [Ordered((_log("reduced", target.name), _log("reduced_init", target.name))) for target in TARGETS],
        expected=NOT_CONFIRMED,
        note="Against the whole space from the same start: nowhere better. What helps on sin 4πx is the spread "
        "of thresholds at the start, "
        "not the constraint.",
    ),
    Recipe(
        "reduced-space/training",
        "performance",
        "Training performance improves in numerical examples.",
        QIN,
        TARGETS,
        [Ordered((_log("reduced", target.name), _log("standard", target.name))) for target in TARGETS],
        expected=PARTLY,
        note="Against the standard start with all thresholds at zero: better on sin 4πx, worse where kinks at "
        "zero are right.",
    ),
)
