"""The effective noise of stochastic gradient descent (arXiv:2112.10852, 2006.06098), and its exact benchmarks."""

from __future__ import annotations

from ...results.checks import Agrees, Equals, Monotone, Ordered, Peaks, Slope
from ...results.claims import PARTLY, Pick
from ..recipe import Recipe, Task

NOISE = "Mignacco and Urbani, arXiv:2112.10852"
MIXTURE = "Mignacco et al., arXiv:2006.06098"
KAMALI = "Kamali and Urbani, arXiv:2309.04788"
SIZES = {"size": [500, 1000, 2000], "replicas": 20, "paths": 20000}

TRAJECTORY = Task(
    "compare",
    "sgd",
    {"steps": 40, "paths": 4096, "size": [250, 500], "replicas": 8, "seed": 1},
    full={**SIZES, "steps": 100},
)
PERSISTENT = Task(
    "compare",
    "sgd",
    {"persistence": 2.0, "steps": 40, "paths": 4096, "size": [250, 500], "replicas": 8, "seed": 1},
    name="persistent",
    full={**SIZES, "steps": 100},
)
RIDGE = Task(
    "compare",
    "sgd/ridge",
    {"label_noise": 0.25, "size": [250, 500], "replicas": 8, "seed": 1},
    full={"size": [500, 1000, 2000], "replicas": 20},
)
LINEAR = Task("solve", "sgd/random-functions", {"quadratic": 0.0, "label_noise": 0.25}, name="linear")
FUNCTIONS = Task(
    "compare",
    "sgd/random-functions",
    {"steps": 40, "size": [40, 60, 100], "replicas": 8, "seed": 1},
    full={"size": [60, 100, 150], "replicas": 20},
)
TEACHER = Task(
    "solve",
    "sgd",
    {"data": "teacher", "label_noise": 0.25, "r0": 0.0, "ridge": 0.1, "steps": 40, "paths": 4096, "seed": 1},
    name="march",
    full={"paths": 65536, "steps": 100},
)
LOSS = {0: "1.25", 1: "0.93380", 2: "0.73199", 5: "0.43922", 10: "0.28481", 30: "0.18670", 100: "0.17006"}

T = "final_effective_temperature"
SHORT = {"steps": 150, "lags": 20, "paths": 2048, "seed": 1}
LONG = {"steps": 400, "paths": 8192}
TEMPERATURE = Task(
    "compare",
    "sgd/temperature",
    {**SHORT, "size": [300], "replicas": 4},
    name="T",
    full={**LONG, "size": [300, 500], "replicas": 16},
)
RATE = Task(
    "sweep",
    "sgd/temperature",
    {"paths": 2048, "seed": 1},
    name="rate",
    zipped=("learning_rate,steps,lags",),
    over={"learning_rate": "0.1,0.2,0.4", "steps": "300,150,75", "lags": "40,20,10"},
    full={"paths": 8192},
    full_over={"learning_rate": "0.05,0.1,0.2,0.4", "steps": "800,400,200,100", "lags": "80,40,20,10"},
)
BATCH = Task(
    "sweep",
    "sgd/temperature",
    SHORT,
    name="batch",
    over={"batch_fraction": "0.2,0.5,0.9"},
    full=LONG,
    full_over={"batch_fraction": "0.1:0.9:9"},
)
LOAD = Task(
    "sweep", "sgd/temperature", SHORT, name="load", over={"alpha": "2,4,6"}, full=LONG, full_over={"alpha": "2,3,4,5,6"}
)
MEMORY = Task(
    "sweep",
    "sgd/temperature",
    SHORT,
    name="memory",
    over={"persistence": "1,2,4"},
    full={**LONG, "lags": 100},
    full_over={"persistence": "1,2,4,8,16,32"},
)

DISTANCE = Task(
    "compare",
    "sgd/replicas",
    {"steps": 60, "paths": 4096, "size": [250, 500], "replicas": 8, "seed": 1},
    name="theory",
    full={**SIZES, "steps": 200},
)


def _pair(persistence: float) -> Task:
    options = {"persistence": persistence, "steps": 300, "size": 200, "replicas": 8, "seed": 1}
    return Task(
        "simulate",
        "sgd/replicas",
        options,
        name=f"τ = {persistence:g}",
        full={"size": 1000, "replicas": 40, "steps": 1500},
    )


BOUNDARY = Task(
    "compare",
    "sgd/boundary",
    {"steps": 60, "paths": 4096, "size": [250, 500], "replicas": 8, "seed": 1},
    name="theory",
    full={**SIZES, "steps": 150},
)


def _edge(name: str, **options: object) -> Task:
    given = {"steps": 2000, "size": 200, "replicas": 8, "seed": 1, "contact": 0.01, **options}
    return Task("simulate", "sgd/boundary", given, name=name, full={"steps": 6000, "size": 500, "contact": 0.001})


RECIPES = (
    Recipe(
        "sgd",
        "trajectories",
        "Dynamical mean-field theory describes the whole trajectory of SGD and of persistent SGD with finite "
        "learning rates.",
        f"{MIXTURE}; {NOISE}",
        [TRAJECTORY, PERSISTENT],
        [Agrees(), Agrees("persistent")],
    ),
    Recipe(
        "sgd/ridge",
        "benchmark",
        "For ridge regression the dynamics is known in closed form, and the Monte-Carlo solution gives the same.",
        f"{MIXTURE}; closed form by the spectrum",
        [RIDGE, TEACHER],
        [
            *(
                Equals(Pick("train_loss", {"step": step}, side="theory", factor=2.0), text)
                for step, text in LOSS.items()
            ),
            Agrees(),
            Equals(
                Pick("train_loss", {"step": (0, 40)}, task="march"),
                Pick("train_loss", {"step": (0, 40)}, side="theory"),
            ),
        ],
    ),
    Recipe(
        "sgd/random-functions",
        "closed",
        "For the square loss of Gaussian random functions the equations close without sampling; linear "
        "functions are ridge regression.",
        KAMALI,
        [FUNCTIONS, LINEAR, Task("solve", "sgd/ridge", {"label_noise": 0.25}, name="ridge")],
        [Agrees(), Equals(Pick("norm", task="linear"), Pick("norm", task="ridge"))],
    ),
    Recipe(
        "sgd/temperature",
        "learning-rate",
        "The effective temperature of stationary SGD is proportional to the learning rate.",
        f"{NOISE}, section 3",
        [RATE, TEMPERATURE],
        [Slope(Pick(T, side="theory"), 1.0, 0.1), Agrees("T")],
        note="To 10 % over a factor of 8.",
    ),
    Recipe(
        "sgd/temperature",
        "batch",
        "It is not monotonic in the batch fraction.",
        f"{NOISE}, section 3",
        [BATCH],
        [Peaks(Pick(T, side="theory"), (0.3, 0.7))],
        note="For weights 0 or 1; with weights 0 or 1/b it falls with the batch.",
    ),
    Recipe(
        "sgd/temperature",
        "load",
        "It grows with the number of samples per weight.",
        f"{NOISE}, section 3",
        [LOAD],
        [Monotone(Pick(T, side="theory"))],
    ),
    Recipe(
        "sgd/temperature",
        "persistence",
        "It grows with the persistence of the batches, and then saturates.",
        f"{NOISE}, section 3",
        [MEMORY],
        [Monotone(Pick(T, {"persistence": (1, 4)}, side="theory"))],
        note="For a given lag; the plateau rises with the lag.",
    ),
    Recipe(
        "sgd/replicas",
        "distance",
        "Without a temperature, two runs with mini-batches of their own end at a distance that grows with the "
        "noise: with the persistence "
        "of the batches.",
        f"{NOISE}, section 4",
        [DISTANCE, _pair(0.5), _pair(5.0)],
        [
            Agrees(),
            Ordered((Pick("saturation_distance", task="τ = 0.5"), Pick("saturation_distance", task="τ = 5"))),
        ],
        note="At equal time; the saturated distance of plain SGD falls with b where the temperature hardly differs.",
    ),
    Recipe(
        "sgd/boundary",
        "width",
        "Noisier algorithms end with fewer patterns on the decision boundary, which is wider.",
        f"{NOISE}, section 5",
        [BOUNDARY, _edge("τ = 5", persistence=5.0), _edge("descent", batch_fraction=1.0), _edge("b = 0.3")],
        [
            Agrees(),
            Ordered((Pick("boundary_density", task="τ = 5"), Pick("boundary_density", task="descent"))),
            Ordered((Pick("boundary_width", task="descent"), Pick("boundary_width", task="τ = 5"))),
            Ordered((Pick("boundary_width", task="descent"), Pick("boundary_width", task="b = 0.3"))),
        ],
        expected=PARTLY,
        note="Contacts surely, and the width for persistent batches; between gradient descent and b = 0.3 "
        "widths are equal within errors.",
    ),
)
