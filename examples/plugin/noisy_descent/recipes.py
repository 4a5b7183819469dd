"""What ``dmft reproduce noisy-descent`` does."""

from dmft.results.checks import Agrees, Equals
from dmft.results.claims import Pick
from dmft.theory.recipe import Recipe, Task

RECIPES = (
    Recipe(
        "noisy-descent",
        "norm",
        "The norm of the weights goes to 2ηT/(1 − (1 − ηk)²), whatever their number.",
        "textbook",
        [
            Task(
                "compare",
                "noisy-descent",
                {"size": [250, 500, 1000], "replicas": 20, "seed": 2},
                full={"size": [1000, 2000, 4000], "replicas": 100},
            )
        ],
        [Agrees(), Equals(Pick("norm", {"t": "last"}, side="theory"), (0.1 / 0.19, 0.0), within=0.9**100)],
    ),
)
