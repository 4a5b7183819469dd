"""Batch normalisation as a regulariser: its strength, learning dynamics, generalisation (arXiv:1809.00846)."""

from __future__ import annotations

from ...results.checks import Agrees, Bounded, Equals
from ...results.claims import PARTLY, Pick
from ..recipe import Recipe, Task

LUO = "Luo et al., arXiv:1809.00846"

DYNAMICS = Task(
    "compare",
    "bn-regularization",
    {"size": [200, 400], "replicas": 4, "seed": 1},
    full={"size": [500, 1000, 2000], "replicas": 16},
)
SMOOTH = Task("solve", "bn-regularization", {"zeta": 0.25, "penalty": "literal", "eta": 1.0}, name="literal")
RELU = Task("solve", "bn-regularization", {"activation": "relu", "zeta": 0.0, "eta": 1.0}, name="relu")


def _decay(batch: int, activation: str, distribution: str, name: str) -> Task:
    options = {"batch": batch, "activation": activation, "distribution": distribution, "replicas": 4, "seed": 1}
    return Task("compare", "bn-regularization/decay", options, name=name, full={"replicas": 32})


def _load(alpha: float, name: str, **more: object) -> Task:
    return Task("solve", "bn-regularization/generalization", {"alpha": alpha, "penalty": "literal", **more}, name=name)


LOADS = Task(
    "compare",
    "bn-regularization/generalization",
    {"penalty": "literal", "size": [100, 200], "replicas": 4, "seed": 1},
    full={"size": [100, 200, 300], "replicas": 16},
)
RELU_LOADS = Task(
    "compare",
    "bn-regularization/generalization",
    {"activation": "relu", "zeta": 0.001, "penalty": "literal", "size": [100, 200, 300], "replicas": 8, "seed": 1},
)

RECIPES = (
    Recipe(
        "bn-regularization",
        "dynamics",
        "Batch normalisation is population normalisation with a decay of the gain: it ends at γ0 = 1/(1 + ζ), "
        "and learns up to "
        "η = 2L² without decay.",
        f"{LUO}, sections 2 and 3",
        [DYNAMICS, SMOOTH, RELU],
        [
            Agrees(),
            Equals(Pick("final_gamma", task="literal"), "0.6590"),
            Equals(Pick("final_overlap", task="literal"), "0.9886"),
            Equals(Pick("final_norm", task="literal"), "1.3922"),
            Equals(Pick("final_gamma", task="relu"), "0.9904"),
            Equals(Pick("final_overlap", task="relu"), "0.9973"),
            Equals(Pick("final_norm", task="relu"), "1.2711"),
        ],
    ),
    Recipe(
        "bn-regularization",
        "real-batches",
        "What real mini-batches do is this decay, to first order in 1/M.",
        f"{LUO}, section 2",
        [DYNAMICS],
        [
            Equals(Pick("gamma_batch_statistics", {"t": "last"}), Pick("gamma0", side="theory"), within=1 / 8),
            Bounded(Pick("gamma_batch_statistics", {"t": "last"}), Pick("gamma0", side="theory", factor=1 + 1 / 8)),
        ],
        note="Batches of M = 8: what is left out is of relative order 1/M.",
    ),
    Recipe(
        "bn-regularization/decay",
        "strength",
        "The strength of the regulariser is ζ = 3/4M for linear units and 3/8M for ReLU, and depends on the "
        "kurtosis of the inputs.",
        f"{LUO}, theorem 1",
        [
            _decay(32, "identity", "gaussian", "linear"),
            _decay(32, "relu", "gaussian", "relu"),
            _decay(32, "identity", "laplace", "laplace"),
            _decay(8, "identity", "gaussian", "M = 8"),
        ],
        [
            Equals(Pick("zeta", side="theory"), (3 / 128, 0.0)),
            Equals(Pick("zeta", task="relu", side="theory"), (3 / 256, 0.0)),
            Equals(Pick("penalty", task="M = 8", side="theory"), "0.0973"),
            Equals(Pick("penalty", side="theory"), "0.02368", within=0.002),
            Equals(Pick("penalty", task="relu", side="theory"), "0.01154", within=0.002),
            Equals(Pick("penalty", task="laplace", side="simulation"), "0.03383", within=0.002),
            Agrees(),
            Agrees("relu"),
            Agrees("M = 8"),
        ],
        note="The published penalties at M = 32 were sampled; ours are exact, hence 0.2 %. The law of large "
        "batches is corrected by "
        "1/M, for ReLU by 1/√M.",
    ),
    Recipe(
        "bn-regularization/generalization",
        "ridge",
        "The decay acts as a ridge: it cures the divergence of the generalisation error at one sample per weight.",
        f"{LUO}, section 4",
        [
            LOADS,
            _load(0.5, "α = 0.5", zeta=0.25),
            _load(4.0, "α = 4", zeta=0.25),
            _load(2.0, "vanilla", optimiser="vanilla"),
        ],
        [
            Equals(Pick("epsilon_gen", side="theory"), "0.0973"),
            Equals(Pick("epsilon_gen", task="α = 0.5"), "0.3202"),
            Equals(Pick("epsilon_gen", task="α = 4"), "0.0905"),
            Equals(Pick("epsilon_gen", task="vanilla"), "0.1250"),
            Agrees(),
        ],
        note="Exact batch normalisation with statistics of the training set is not this ridge: its error still "
        "diverges at α = 1.",
    ),
    Recipe(
        "bn-regularization/generalization",
        "relu",
        "The same holds for ReLU units, by replica-symmetric equations.",
        f"{LUO}, section 4",
        [
            RELU_LOADS,
            Task(
                "compare",
                "bn-regularization/generalization",
                {
                    "activation": "relu",
                    "zeta": 0.25,
                    "penalty": "literal",
                    "size": [100, 200],
                    "replicas": 4,
                    "seed": 1,
                },
                name="strong",
            ),
        ],
        [Agrees("strong"), Agrees()],
        expected=PARTLY,
        note="With strong decay. With weak decay, near the interpolation threshold, descent ends in local "
        "minima that generalise better than "
        "the global one, which is what the equations describe.",
        long=True,
    ),
)
