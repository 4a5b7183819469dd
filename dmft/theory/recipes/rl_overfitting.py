"""Overfitting of reinforcement learning, and its solvable models (arXiv:1804.06893, 2306.10404, 2307.04841)."""

from __future__ import annotations

from ...results.checks import Agrees, Between, Equals, Monotone, Ordered, Slope
from ...results.claims import PARTLY, Pick
from ..recipe import Recipe, Task

ZHANG = "Zhang, Vinyals, Munos and Bengio, arXiv:1804.06893"
PATEL = "Patel et al., arXiv:2306.10404"
BORDELON = "Bordelon et al., arXiv:2307.04841"

TRAIN, TEST = "train_reward_by_alpha", "test_reward_by_alpha"
WHOLE = {"size": [400, 500, 600], "replicas": 16}
POOLS = Task("compare", "rl-overfitting", {"size": [100, 200], "replicas": 8, "seed": 1}, name="ridge", full=WHOLE)
FITTED = Task("solve", "rl-overfitting", {"ridge": 0.001}, name="weak ridge")
RANDOM = Task(
    "compare",
    "rl-overfitting",
    {"flip_probability": 0.5, "ridge": 0.001, "size": [100, 200], "replicas": 8, "seed": 1},
    name="random",
    full=WHOLE,
)
NOISY = Task(
    "compare",
    "rl-overfitting",
    {"state_noise": 0.5, "size": [100, 200], "replicas": 8, "seed": 1},
    name="noisy",
    full=WHOLE,
)


def _noise(alpha: float) -> Task:
    over = {"state_noise": "0,0.5,2"}
    return Task("sweep", "rl-overfitting", {"alpha": alpha}, name=f"α = {alpha:g}", over=over)


FEW, EQUAL, MANY = _noise(0.25), _noise(1.0), _noise(4.0)

PERCEPTRON = "rl-overfitting/perceptron"
EPISODES = Task(
    "compare",
    PERCEPTRON,
    {"penalty_rate": 0.2, "t_max": 60.0, "size": [100, 200], "replicas": 8, "seed": 1},
    name="episodes",
    full={"size": [300, 450, 600], "replicas": 16},
)
SPARSE = Task("sweep", PERCEPTRON, {"t_max": 2000.0}, name="T", over={"horizon": "2,3,5,8,12"})
PENALTIES = Task("sweep", PERCEPTRON, {}, name="κ", over={"penalty_rate": "0,0.1,0.3"})
STARTS = Task(
    "sweep",
    PERCEPTRON,
    {"penalty_rate": 0.5, "overlap_init": 0.5, "t_max": 2000.0},
    name="starts",
    over={"norm_init": "1e-4,1"},
)
CRITICAL = Task("solve", PERCEPTRON, {}, name="critical")
EARLY = Task("sweep", PERCEPTRON, {"horizon": 12, "t_max": 5.0}, name="early", over={"required": "8,10,12"})
LATE = Task("sweep", PERCEPTRON, {"horizon": 12, "t_max": 1000.0}, name="late", over={"required": "8,10,12"})
CONSTANT = Task("solve", PERCEPTRON, {"t_max": 1000.0}, name="constant")
OPTIMAL = Task("solve", PERCEPTRON, {"t_max": 1000.0, "schedule": "optimal"}, name="optimal")

TD = "rl-overfitting/td"
LEARNERS = Task(
    "compare",
    TD,
    {"features": 20, "steps": 300, "size": 8, "replicas": 8, "seed": 1},
    name="learners",
    full={"features": 150, "steps": 1000, "size": 16},
)
SLOW = Task("solve", TD, {"learning_rate": 0.002, "batch": 2, "steps": 10}, name="B = 2")
BATCH = Task("solve", TD, {"learning_rate": 0.008, "batch": 8, "steps": 10}, name="B = 8")
PLAIN = Task("solve", TD, {"gamma": 0.0, "steps": 10}, name="γ = 0")
SURPRISE = Task("solve", TD, {"gamma": 0.0, "unexplained": 0.5, "steps": 10}, name="unexplained")
FALLING = Task("solve", TD, {"annealing": 0.5, "steps": 16000}, name="annealed")

GRID = "rl-overfitting/gridworld"


def _player(name: str, levels: int, command: str = "simulate", **options: object) -> Task:
    given = {"levels": levels, "steps": 500_000, "games": 64, "replicas": 4, "precision": "float32", "seed": 1}
    return Task(command, GRID, {**given, **options}, name=name, full={"steps": 1_000_000, "games": 128, "replicas": 8})


TEN, HUNDRED, THOUSAND = _player("L = 10", 10, "compare"), _player("L = 100", 100), _player("L = 1000", 1000)
FLIPPED = _player("p = ½", 10, flip_probability=0.5)
STICKY, STARTING, IDLE = (
    _player("sticky", 10, sticky=0.25),
    _player("random starts", 10, random_starts=True),
    _player("null ops", 10, null_ops=30),
)

RECIPES = (
    Recipe(
        "rl-overfitting",
        "optimal",
        "The training reward is near its optimum, whatever the number of training levels.",
        f"{ZHANG}, in a linear model",
        [FITTED],
        [
            Between(Pick(TRAIN, {"load": (0.1, 1.0)}), low=0.99),
            Between(Pick(TRAIN, {"load": (1.25, 6.0)}), low=0.99),
        ],
        expected=PARTLY,
        note="Up to one level per weight; at two and six the reward is 0.79 and 0.57.",
    ),
    Recipe(
        "rl-overfitting",
        "rises",
        "The test reward rises with the number of training levels.",
        f"{ZHANG}, in a linear model",
        [POOLS, FITTED],
        [
            Agrees(),
            Equals(Pick(TEST, {"load": 1.0}, side="theory"), "0.260"),
            Equals(Pick(TEST, {"load": 4.0}, side="theory"), "0.490"),
            Monotone(Pick(TEST, side="theory")),
            Monotone(Pick(TEST, task="weak ridge")),
        ],
        expected=PARTLY,
        note="With enough ridge; without, there is a dip where the pool is just memorised.",
    ),
    Recipe(
        "rl-overfitting",
        "random",
        "Random rewards are memorised as well, and teach nothing.",
        f"{ZHANG}, in a linear model; capacity by Cover's count",
        [RANDOM],
        [
            Agrees(),
            Between(Pick(TRAIN, {"load": (0.1, 1.0)}, side="theory"), low=0.999),
            Between(Pick(TEST, side="theory"), -1e-12, 1e-12),
            Equals(Pick("capacity", side="theory"), "2.00"),
            *(
                Equals(Pick("memorisation_probability", {"dimension": d, "random_load": 2.0}, side="theory"), "0.500")
                for d in (5, 10, 20)
            ),
        ],
        note="By ridge up to one level per weight; by the best linear policy up to two.",
    ),
    Recipe(
        "rl-overfitting",
        "state-noise",
        "Noise of the state, fresh at each visit, does not prevent that the pool is memorised.",
        f"{ZHANG}, in a linear model",
        [FEW, NOISY],
        [Between(Pick("train_reward", side="theory"), low=0.9995), Agrees("noisy")],
        note="For small pools: a quarter of a level per weight.",
    ),
    Recipe(
        "rl-overfitting",
        "regularises",
        "Noise of the state regularises: the test reward rises.",
        f"{ZHANG}, in a linear model",
        [EQUAL, MANY],
        [
            *(
                Equals(Pick("test_reward", {"state_noise": s}, side="theory"), text)
                for s, text in ((0.0, "0.260"), (0.5, "0.281"), (2.0, "0.289"))
            ),
            Monotone(Pick("test_reward", side="theory")),
            Ordered(tuple(Pick("test_reward", {"state_noise": s}, task="α = 4") for s in (0.0, 0.5))),
        ],
        note="Weakly: it is a ridge, and has an optimum; at four levels per weight less noise is better than much.",
    ),
    Recipe(
        PERCEPTRON,
        "flow",
        "Two order parameters describe policy learning of many weights.",
        PATEL,
        [EPISODES],
        [Agrees()],
    ),
    Recipe(
        PERCEPTRON,
        "sparse",
        "Learning is delayed when rewards are sparse.",
        PATEL,
        [SPARSE],
        [
            *(
                Equals(Pick("learning_time", {"horizon": horizon}), text)
                for horizon, text in ((3, "15.9"), (5, "57.5"), (8, "211"), (12, "1090"))
            ),
            Monotone(Pick("learning_time", {"horizon": (3, 12)})),
        ],
    ),
    Recipe(
        PERCEPTRON,
        "penalties",
        "Penalties speed learning up, until from a critical ratio on there is a phase where it stalls.",
        PATEL,
        [SPARSE, PENALTIES, STARTS],
        [
            *(
                Equals(Pick("critical_ratio", {"horizon": horizon}), text)
                for horizon, text in ((2, "8.47"), (3, "1.95"), (5, "0.3767"), (8, "0.0576"))
            ),
            *(
                Equals(Pick("learning_time", {"penalty_rate": rate}, task="κ"), text)
                for rate, text in ((0.0, "57.5"), (0.1, "25.7"), (0.3, "14.0"))
            ),
            Equals(Pick("final_overlap", {"norm_init": 1e-4}, task="starts"), "0.161"),
            Between(Pick("final_overlap", {"norm_init": 1.0}, task="starts"), low=0.99),
        ],
        note="Above the critical ratio the start decides, by its norm too.",
    ),
    Recipe(
        PERCEPTRON,
        "slowing",
        "Just below the critical ratio the passage takes a time that grows as the root of the distance.",
        f"{PATEL}; saddle-node bifurcation",
        [CRITICAL],
        [
            Slope(Pick("passage_time", {"distance": (1e-6, 3.2e-5)}), -0.5, 0.01),
            Between(
                Pick("passage_time", {"distance": "last"}), 0.99, 1.01, over=Pick("passage_law", {"distance": "last"})
            ),
        ],
    ),
    Recipe(
        PERCEPTRON,
        "accuracy",
        "Fewer required decisions give speed, more of them accuracy.",
        PATEL,
        [EARLY, LATE],
        [
            Ordered(tuple(Pick("final_overlap", {"required": n}) for n in (12, 10, 8))),
            Ordered(tuple(Pick("final_overlap", {"required": n}, task="late") for n in (8, 10, 12))),
        ],
    ),
    Recipe(
        PERCEPTRON,
        "rate",
        "The optimal learning rate learns faster.",
        PATEL,
        [CONSTANT, OPTIMAL],
        [
            *(
                Equals(Pick("accuracy", {"t": t}, task=task), text)
                for task, t, text in (
                    ("constant", 100.0, "0.913"),
                    ("optimal", 100.0, "0.960"),
                    ("constant", 1000.0, "0.9771"),
                    ("optimal", 1000.0, "0.9883"),
                )
            ),
            Ordered((Pick("final_accuracy"), Pick("final_accuracy", task="optimal"))),
        ],
        note="A factor, not a power.",
    ),
    Recipe(
        TD,
        "moments",
        "A recursion of moments describes the value error of temporal-difference learning.",
        BORDELON,
        [LEARNERS],
        [Agrees()],
        note="Exact at any number of features, with both pairings of the products of four Gaussian numbers.",
    ),
    Recipe(
        TD,
        "plateau",
        "Learning ends on a plateau proportional to the learning rate over the batch.",
        BORDELON,
        [SLOW, BATCH],
        [
            Slope(Pick("plateau_by_rate", {"rate": (1e-9, 0.1)}), 1.0, 0.02),
            Equals(Pick("plateau"), Pick("plateau", task="B = 8"), within=0.01),
            Equals(Pick("plateau"), Pick("plateau_law"), within=0.01),
        ],
        note="To first order in the rate.",
    ),
    Recipe(
        TD,
        "bootstrap",
        "The plateau is made by the bootstrap: there is none without discounted future.",
        BORDELON,
        [PLAIN, SURPRISE],
        [
            Between(Pick("plateau"), -1e-12, 1e-12),
            Between(Pick("plateau", task="unexplained"), -1e-12, 1e-12),
        ],
        expected=PARTLY,
        note="If the features explain the reward; an unexplained part makes a plateau of its own.",
    ),
    Recipe(
        TD,
        "annealing",
        "Annealing the learning rate removes the plateau.",
        BORDELON,
        [FALLING],
        [
            Slope(Pick("value_error", {"step": (1600, 16000)}), -0.5, 0.05),
            Between(Pick("final_value_error"), high=0.1, over=Pick("plateau")),
        ],
        note="The value error falls as the rate, with the root of the steps.",
    ),
    Recipe(
        GRID,
        "optimal",
        "A player is near-optimal on its training levels, whatever their number.",
        ZHANG,
        [TEN, HUNDRED],
        [
            Between(Pick("final_train_return", task=name, side="simulation"), low=0.9 * 2.1)
            for name in ("L = 10", "L = 100")
        ],
        expected=PARTLY,
        note="Within a tenth of the largest return, 2.1: only for ten levels; a hundred are not learned to the end "
        "in so few steps.",
    ),
    Recipe(
        GRID,
        "pool",
        "The test return rises with the number of training levels, and the gap closes.",
        ZHANG,
        [TEN, HUNDRED],
        [
            Agrees(),
            Ordered(tuple(Pick("final_test_return", task=name, side="simulation") for name in ("L = 10", "L = 100"))),
            Ordered(tuple(Pick("gap", task=name, side="simulation") for name in ("L = 100", "L = 10"))),
        ],
        note="Theory and simulation: the random player from which learning starts.",
    ),
    Recipe(
        GRID,
        "thousand",
        "With a thousand training levels the gap is nearly closed.",
        ZHANG,
        [HUNDRED, THOUSAND],
        [
            Ordered((Pick("gap", task="L = 1000"), Pick("gap"))),
            Between(Pick("gap", task="L = 1000"), high=0.1),
        ],
        long=True,
    ),
    Recipe(
        GRID,
        "random",
        "Random rewards are memorised on small pools, and new levels are failed then.",
        ZHANG,
        [FLIPPED],
        [
            Between(Pick("final_train_return"), low=1.5),
            Ordered((Pick("final_test_return"), Pick("final_train_return"))),
            Between(Pick("final_test_return"), high=0.5),
        ],
        note="Ten levels, to three quarters of the largest return, 2.0; who ignores which level it is has 0 at most.",
    ),
    Recipe(
        GRID,
        "chance",
        "Sticky actions, random starts and null ops do not prevent overfitting.",
        ZHANG,
        [HUNDRED, STICKY, STARTING, IDLE],
        [
            Ordered((Pick("final_test_return", task=name), Pick("final_test_return")))
            for name in ("sticky", "random starts", "null ops")
        ],
        note="Ten levels with them are still far from what a hundred without reach on new levels.",
        long=True,
    ),
)
