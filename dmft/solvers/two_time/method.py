"""Options of the deterministic two-time solver."""

from __future__ import annotations

from dataclasses import dataclass

from ...parameters import Declared, declare


@dataclass(frozen=True)
class TwoTime(Declared):
    """The grid is refined until the estimated error is below the tolerance."""

    tolerance: float = declare(
        None,
        "ε",
        "largest estimated error of all observables; default 1e-6, on the logarithmic grid 1e-4",
        kind=float,
        bounds="(0, 1]",
    )
    grid: str = declare(
        "auto",
        "",
        "steps of one size, or growing with time; auto: logarithmic beyond t_max = 100",
        choices=("auto", "uniform", "logarithmic"),
    )
    max_steps: int = declare(3200, "", "most steps on the finest uniform grid", bounds="[1, 1e5]")
    max_points: int = declare(1024, "", "most points of a row of the finest logarithmic grid", bounds="[32, 8192]")
