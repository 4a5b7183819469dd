"""Large batches: bounds, laws of the rate, the published schedule, training (arXiv:1904.00962, 1907.04164)."""

from __future__ import annotations

from ...results.checks import Agrees, Between, Bounded, Equals, Monotone, Ordered, Slope
from ...results.claims import PARTLY, Pick
from ..recipe import Recipe, Task

YOU = "You et al., arXiv:1904.00962"
ZHANG = "Zhang et al., arXiv:1907.04164"

BOUND = Task("compare", "lamb", {"replicas": 4, "seed": 1}, full={"replicas": 32})
NOISY = Task("compare", "lamb", {"noise": 1.0, "batch": 4, "replicas": 4, "seed": 1}, full={"replicas": 32})
LAWS = Task("solve", "lamb/batch-scaling", name="laws")
SCALING = Task(
    "compare",
    "lamb/batch-scaling",
    {"smallest": 16, "doublings": 6, "rates": 8, "replicas": 4, "seed": 1},
    name="runs",
    full={"smallest": 2, "doublings": 13, "rates": 24, "replicas": 8},
)
SCHEDULE = Task("solve", "lamb/schedule")
TRAINING = Task(
    "simulate",
    "lamb/training",
    {"epochs": 30, "batches": "full", "replicas": 4, "precision": "float32", "seed": 1},
    full={"batches": "16,64,256,full", "replicas": 16},
)


#: Simulated gradients against the bounds of the theory.
BOUNDED = tuple(
    Bounded(Pick(f"{name}_gradient", side="simulation"), Pick(f"{name}_bound", side="theory"))
    for name in ("lars", "lamb", "sgd")
)


def _at(optimiser: str, batch: object) -> Pick:
    return Pick(f"{optimiser}_test_error", {"batch_size": batch})


RECIPES = (
    Recipe(
        "lamb",
        "bounds",
        "The average gradient of LARS and of LAMB stays below a bound that falls as 1/√T; without noise the bound is "
        "nearly reached.",
        f"{YOU}, theorems 2 and 3",
        [BOUND],
        [
            Equals(Pick("lars_bound", {"horizon": 1000}), "11.259"),
            Equals(Pick("lars_gradient", {"horizon": 1000}, side="simulation"), "11.254", within=0.002),
            *BOUNDED,
            Agrees(),
        ],
        note="11.254 is one start; ours is a mean. The bounds of LARS and of SGD are on different norms, so the "
        "published "
        "rates do not compare as they stand.",
    ),
    Recipe(
        "lamb",
        "noise",
        "The bounds hold with gradient noise.",
        f"{YOU}, theorems 2 and 3",
        [NOISY],
        BOUNDED,
        note="True, but the bounds are not tight.",
    ),
    Recipe(
        "lamb/batch-scaling",
        "laws",
        "The best learning rate grows linearly with the batch for SGD and as its root for normalised steps, up to a "
        "critical batch beyond which steps stop falling.",
        f"{YOU}, section 3; {ZHANG}",
        [LAWS, SCALING],
        [
            Equals(Pick("sgd_slope"), (1.0, 0.0), within=0.05),
            Equals(Pick("normalised_slope"), (0.5, 0.0), within=0.05),
            Monotone(Pick("sgd_steps"), rising=False),
            Between(Pick("sgd_steps", {"batch_size": 4096}), 1.0, 1.2, over=Pick("sgd_steps", {"batch_size": "last"})),
            Agrees("runs"),
        ],
        note="Exponents below the cap of the curvature, where they are fitted; 5 % stand for its onset. A batch "
        "four times larger saves less than a fifth of the steps at the end.",
    ),
    Recipe(
        "lamb/schedule",
        "recipe",
        "The learning rate of BERT pre-training follows the root rule from 0.000625 at 512 to 0.005 at 32768, "
        "with 3125 "
        "steps of warm-up at every batch.",
        f"{YOU}, table 4",
        [SCHEDULE],
        [
            Equals(Pick("learning_rate", {"batch_size": 512}), "0.000625"),
            Equals(Pick("learning_rate", {"batch_size": 32768}), "0.005"),
            Equals(Pick("steps", {"batch_size": 32768}), "15625"),
            Between(Pick("warm_up_steps"), 3125, 3125),
            Slope(Pick("learning_rate"), 0.5, 1e-9),
            Slope(Pick("warm_up_ratio"), 1.0, 1e-9),
        ],
        note="The 32868 of the abstract is a misprint of 32768.",
    ),
    Recipe(
        "lamb/training",
        "full-batch",
        "LAMB keeps its accuracy up to very large batches with no re-tuning, where other optimisers lose it.",
        f"{YOU}, abstract",
        [TRAINING],
        [
            Ordered((_at("lamb", "last"), _at("momentum", "last"))),
            Ordered((_at("lars", "last"), _at("momentum", "last"))),
            Ordered((Pick("lamb_test_error", {"batch_size": "last"}, factor=2.0), _at("adam", "last"))),
        ],
        expected=PARTLY,
        note="SGD with the linear rule fails at the full batch, LAMB and LARS do not; but Adam with the root "
        "rule keeps most of "
        "its accuracy as well: its error is less than twice that of LAMB. Rates at B = 16 come from a scan.",
    ),
)
