"""Options of models that can be marched into their stationary state, or solved in it."""

from __future__ import annotations

from dataclasses import dataclass

from ...parameters import declare
from ..marching.method import Marching


@dataclass(frozen=True)
class MarchingOrStationary(Marching):
    """Either solver; `paths`, `batches` and `seed` are for both."""

    solver: str = declare(
        "marching",
        "",
        "marching through the transient, or the stationary equations on functions of the lag",
        choices=("marching", "stationary"),
    )
    memory: int = declare(
        0, "L", "stationary solver: lags kept of the response, in steps; 0 = as many as the ridge asks for",
        bounds="[0, 1e5]",
    )  # fmt: skip
    iterations: int = declare(100, "", "stationary solver: most iterations", bounds="[1, 1e5]")
    tolerance: float = declare(
        1e-4, "", "stationary solver: largest relative change in an iteration at the end", bounds="(0, 1)"
    )
    mixing: float = declare(0.5, "", "stationary solver: weight of the new in an iteration", bounds="(0, 1]")
