"""Recurrent networks on longer sequences than those of training (arXiv:2202.04302, 2210.14064)."""

from __future__ import annotations

from ...results.checks import Agrees, Between, Equals, Ordered
from ...results.claims import PARTLY, Pick
from ..recipe import Recipe, Task

FIRST = "Cohen-Karlik et al., arXiv:2202.04302"
SECOND = "Cohen-Karlik et al., arXiv:2210.14064"
MANY = {"starts": 50}


def _flow(name: str, t_max: float = 3000.0, **options: object) -> Task:
    return Task(
        "solve", "temporal-extrapolation", {"t_max": t_max, "starts": 10, "seed": 1, **options}, name=name, full=MANY
    )


def _teacher(name: str, length: int, dimension: int, scale: float) -> Task:
    options = {
        "train_length": length,
        "teacher_dim": dimension,
        "init_scale": scale,
        "t_max": 1e4,
        "state_dim": 8,
        "starts": 4,
    }
    return Task("solve", "temporal-extrapolation/teacher", options, name=name, full={"starts": 16})


SGD = Task(
    "compare",
    "temporal-extrapolation",
    {"t_max": 100.0, "size": [500, 1000], "replicas": 8, "seed": 1},
    name="sgd",
    full={"size": [500, 1000, 2000], "replicas": 16},
)
TEACHER = Task(
    "compare",
    "temporal-extrapolation/teacher",
    {"teacher_dim": 2, "t_max": 100.0, "starts": 4, "size": [500, 1000], "replicas": 8, "seed": 1},
    name="sgd",
    full={"size": [500, 1000, 2000], "replicas": 16},
)
FAMILY = Task(
    "compare",
    "temporal-extrapolation/counterexample",
    {"t_max": 200.0, "size": [500, 1000], "replicas": 8, "seed": 1},
    name="neighbours",
    full={"t_max": 1000.0, "size": [500, 1000, 2000], "replicas": 16},
)


def _error(task: str, name: str = "final_extrapolation_error") -> Pick:
    return Pick(name, task=task, side="theory")


RECIPES = (
    Recipe(
        "temporal-extrapolation",
        "symmetric",
        "From a symmetric start gradient flow converges to a network that extrapolates perfectly, and the loss "
        "falls as 1/8w²t².",
        f"{FIRST}, theorem 4",
        [
            _flow("symmetric", init_scale=1.0),
            _flow("late", 1e6, init_scale=0.03, starts=4),
            SGD,
        ],
        [
            Between(_error("symmetric"), high=1e-4),
            Between(_error("symmetric"), high=1e-3, over=Pick("extrapolation_error", {"t": "first"}, task="symmetric")),
            Equals(Pick("law_ratio", task="late"), (1.0, 0.0), within=0.01),
            Agrees("sgd"),
        ],
        note="For sequences of three or more and w > 0; the law of the loss within 1 % for starts of scale 0.04 "
        "or less. Convergence is algebraic; with two it is wrong.",
    ),
    Recipe(
        "temporal-extrapolation",
        "generic",
        "The proof is for symmetric starts; experiments suggest the same for others.",
        f"{FIRST}, section 5",
        [_flow("small", symmetric=False, init_scale=0.05), _flow("large", symmetric=False, init_scale=1.0)],
        [Between(_error("small"), high=1e-4), Between(_error("large"), high=1e-4)],
        expected=PARTLY,
        note="Small starts only: the error of generic starts tends to a positive limit that grows with the scale.",
    ),
    Recipe(
        "temporal-extrapolation/counterexample",
        "family",
        "Even with infinite data there are networks that fit short sequences perfectly and fail on longer ones.",
        f"{FIRST}, proposition 2",
        [
            Task("solve", "temporal-extrapolation/counterexample", {"perturbation": 0.0, "t_max": 1.0}, name="family"),
            FAMILY,
        ],
        [
            Between(Pick("train_loss", {"t": "last"}), high=1e-28),
            Equals(Pick("final_extrapolation_error"), Pick("family_error"), within=1e-9),
            Between(
                Pick("perturbation_basin_fraction", {"perturbation": (0.01, 0.1)}, task="neighbours", side="theory"),
                0.99,
            ),
            Agrees("neighbours"),
        ],
        note="With as many states as the sequence is long. The family attracts: flows that start beside it stay.",
    ),
    Recipe(
        "temporal-extrapolation/teacher",
        "moments",
        "A student that is symmetric and matches 2d + 1 moments of a teacher of dimension d extrapolates.",
        f"{SECOND}, abstract",
        [_teacher("k = 5", 5, 2, 0.3), _teacher("k = 4", 4, 2, 0.3), TEACHER],
        [
            Between(_error("k = 5"), high=1e-3),
            Between(_error("k = 4"), low=20.0, over=_error("k = 5")),
            Agrees("sgd"),
        ],
        note="For d = 2. For d ≥ 3 there is no jump at finite times.",
    ),
    Recipe(
        "temporal-extrapolation/teacher",
        "near-zero",
        "A start near zero is needed.",
        f"{SECOND}, abstract",
        [_teacher("small", 4, 2, 0.03), _teacher("large", 4, 2, 0.5), _teacher("enough", 5, 2, 0.5)],
        [
            Ordered((_error("small"), _error("large"))),
            Between(_error("enough"), low=0.01),
        ],
        expected=PARTLY,
        note="Decisive below the threshold 2d + 1, where a small start finds the solution of low dimension "
        "among many; not needed at or "
        "above it.",
    ),
)
