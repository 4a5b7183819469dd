"""Options of the exact integrator of piecewise-affine flows."""

from __future__ import annotations

from dataclasses import dataclass

from ...parameters import Declared, declare


@dataclass(frozen=True)
class Piecewise(Declared):
    """There is no tolerance: a flow is exact to round-off."""

    max_switches: int = declare(
        10_000, "", "most changes of the active set in one flow; more is called an event that never ends",
        bounds="[1, 1e9]",
    )  # fmt: skip
    seed: int = declare(0, "seed", "seed of the data and of the starts, where they are random", bounds="[0, inf)")
