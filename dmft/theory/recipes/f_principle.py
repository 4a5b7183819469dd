"""Low frequencies first: on the circle, in wide networks, in deep ones (arXiv:1807.01251, 1906.00425, 2010.08153)."""

from __future__ import annotations

from dataclasses import replace

from ...results.checks import Agrees, Between, Equals, Ordered
from ...results.claims import NOT_CONFIRMED, Pick
from ..recipe import Recipe, Task

BASRI = "Basri et al., arXiv:1906.00425"
LUO = "Luo et al., arXiv:2010.08153; Zhang et al., arXiv:1905.10264"
XU = "Xu, Zhang and Xiao, arXiv:1807.01251"

CIRCLE = Task(
    "compare",
    "f-principle",
    {"size": [240, 480], "replicas": 4, "seed": 1},
    name="lazy",
    full={"size": [240, 480, 960], "replicas": 8},
)
RICH = Task(
    "compare",
    "f-principle",
    {"output_scale": 3.0, "size": [240], "replicas": 4, "seed": 1},
    name="rich",
    full={"size": [240, 480, 960]},
)
FINE = Task(
    "solve", "f-principle", {"samples": 4000, "max_frequency": 100, "learning_rate": 0.0003, "steps": 10}, name="fine"
)
PLAIN = Task("solve", "f-principle", {"bias": False}, name="no bias")


def _wide(kernel: str, size: int, name: str, **more: object) -> Task:
    options = {"kernel": kernel, "size": size, "replicas": 4, "seed": 1, **more}
    return Task("compare", "f-principle/lfp", options, name=name, full={"size": 10000, "replicas": 8})


CUBIC = _wide("tangent", 5000, "steep kinks")
LINEAR = Task(
    "solve", "f-principle/lfp", {"weight_range": 0.01, "output_range": 1.0, "bias_range": 1.0}, name="soft kinks"
)
LFP = _wide("lfp", 5000, "LFP")
DEEP = Task(
    "simulate",
    "f-principle/training",
    {"size": 200, "replicas": 2, "precision": "float32", "seed": 1, "steps": 4000},
    full={"replicas": 8},
)
LAZY = Task("solve", "f-principle/training", {}, name="lazy")
WHOLE = Task(
    "simulate", "f-principle/training", {"size": 200, "replicas": 8, "precision": "float32", "seed": 1, "steps": 9000}
)

RECIPES = (
    Recipe(
        "f-principle",
        "circle",
        "Gradient descent needs a time proportional to k² to learn frequency k.",
        BASRI,
        [CIRCLE, FINE],
        [
            Agrees(),
            Equals(Pick("time_to_fit", {"frequency": 2}, side="theory"), "57.5"),
            Equals(Pick("time_to_fit", {"frequency": 5}, side="theory"), "801.2"),
            Equals(Pick("time_to_fit", {"frequency": 10}, side="theory"), "2913"),
            Between(
                Pick("time_to_fit", {"frequency": 100}, task="fine"),
                3.9,
                4.1,
                over=Pick("time_to_fit", {"frequency": 50}, task="fine"),
            ),
        ],
        note="In the lazy regime. At n = 60 samples aliases make the exponent 2.1.",
    ),
    Recipe(
        "f-principle",
        "odd",
        "Without a bias odd frequencies above 1 are never learned.",
        BASRI,
        [PLAIN],
        [Between(Pick("eigenvalue", {"frequency": k}), -1e-12, 1e-12) for k in (3, 5, 7, 9)],
        note="For an even number of samples; an odd one aliases them to even frequencies.",
    ),
    Recipe(
        "f-principle",
        "practice",
        "The law holds for networks as they are trained in practice.",
        f"{BASRI}, section 5",
        [RICH],
        [Agrees()],
        expected=NOT_CONFIRMED,
        note="Only for lazy networks: at a small output scale the weights move, and learning is slower.",
    ),
    Recipe(
        "f-principle/lfp",
        "interpolation",
        "A wide network interpolates as the linear frequency principle says: a cubic spline where kinks are "
        "steep, a piecewise "
        "linear one where they are soft.",
        LUO,
        [CUBIC, LFP, LINEAR],
        [
            Agrees(),
            Ordered((Pick("distance_to_cubic", side="theory"), Pick("distance_to_linear", side="theory"))),
            Ordered((Pick("distance_to_linear", task="soft kinks"), Pick("distance_to_cubic", task="soft kinks"))),
            Between(Pick("rms_difference", task="LFP", side="simulation"), high=0.006),
        ],
        note="The exact tangent kernel agrees within errors; the principle itself is an approximation, to about 2 %.",
    ),
    Recipe(
        "f-principle/training",
        "deep",
        "Deep networks fit targets from low to high frequencies.",
        XU,
        [DEEP],
        [
            Ordered(
                (
                    Pick("peak_error", {"peak": "first", "step": "last"}),
                    Pick("peak_error", {"peak": "last", "step": "last"}),
                )
            )
        ],
        note="sin x + sin 4x, tanh 200-200-200-100, Adam, after 4000 steps.",
    ),
    Recipe(
        "f-principle/training",
        "times",
        "The low peak of sin x + sin 4x is learned after some 2000 steps, the high one after some 6000.",
        f"{XU}, figure 1",
        [WHOLE],
        [
            Ordered((Pick("time_to_fit", {"peak": "first"}), Pick("time_to_fit", {"peak": "last"}))),
            Between(Pick("time_to_fit", {"peak": "first"}), 1900, 2700),
            Between(Pick("time_to_fit", {"peak": "last"}), 5500, 7500),
        ],
        long=True,
    ),
    Recipe(
        "f-principle/training",
        "lazy",
        "It is a property of the lazy limit, the linear dynamics of the tangent kernel.",
        LUO,
        [LAZY, replace(DEEP, name="network")],
        [Between(Pick("error_at_loss", {"relative_loss": (0.3, 0.45), "peak": "last"}, side="theory"), high=1.0)],
        expected=NOT_CONFIRMED,
        note="Order yes, ability no: the lazy limit never comes below half of the loss, where its curve ends; "
        "the network does, by "
        "changing its kernel.",
    ),
)
