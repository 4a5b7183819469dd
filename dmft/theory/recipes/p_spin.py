"""The spherical p-spin model after a quench (Cugliandolo and Kurchan 1993)."""

from __future__ import annotations

from ...results.checks import Agrees, Between, Equals
from ...results.claims import Pick
from ..recipe import Recipe, Task

CK = "Cugliandolo and Kurchan, Phys. Rev. Lett. 71, 173 (1993)"

QUENCH = Task("solve", "p-spin", {"t_max": 10.0}, name="quench", full={"t_max": 20.0})
AGING = Task("solve", "p-spin", {"t_max": 1000.0, "tolerance": 1e-3}, name="aging", full={"t_max": 1e4})
SPINS = Task(
    "compare",
    "p-spin",
    {"t_max": 5.0, "size": [40, 80], "replicas": 8, "seed": 1},
    name="spins",
    full={"size": [40, 80, 160], "replicas": 32, "field_response": True},
)
ENERGIES = {1.0: "-0.7825", 2.0: "-0.9262", 5.0: "-1.0357", 10.0: "-1.0816"}
#: −I2(4t)/I1(4t) at t = 5.
BESSEL = "-0.92599"

RECIPES = (
    Recipe(
        "p-spin",
        "relaxation",
        "After a quench to T = 0 the energy of the 3-spin model falls slowly towards the threshold −2/√3, which "
        "finite systems "
        "follow at short times.",
        CK,
        [QUENCH, SPINS],
        [
            *(Equals(Pick("energy", {"t": t}), value) for t, value in ENERGIES.items()),
            Equals(Pick("threshold_energy"), "-1.15470"),
            Agrees("spins"),
        ],
    ),
    Recipe(
        "p-spin",
        "aging",
        "The distance from the threshold falls as t^(−2/3), and the system ages: its response violates the "
        "fluctuation-dissipation theorem with a slope of 1/√3 at T = 0.",
        CK,
        [AGING],
        [
            Between(Pick("final_energy"), -1.1547, -1.15),
            Equals(Pick("aging_slope"), "0.57735"),
            Between(Pick("energy", {"t": "last"}), high=0.9999, over=Pick("threshold_energy")),
        ],
        note="The threshold is reached as a power of time only.",
    ),
    Recipe(
        "p-spin",
        "two-spins",
        "For p = 2 the energy is −I2(4t)/I1(4t).",
        CK,
        [Task("solve", "p-spin", {"p": 2, "t_max": 5.0})],
        [Equals(Pick("final_energy"), BESSEL)],
    ),
)
