"""Options of the integrator of flows."""

from __future__ import annotations

from dataclasses import dataclass

from ...parameters import Declared, declare


@dataclass(frozen=True)
class FlowMethod(Declared):
    """Step control: the error estimate of every step is below ``atol + rtol |y|`` in the root mean square."""

    rtol: float = declare(1e-9, "rtol", "relative tolerance of a step", bounds="[1e-14, 1e-3]")
    atol: float = declare(1e-12, "atol", "absolute tolerance of a step", bounds="(0, 1]")
    max_steps: int = declare(100_000, "", "most steps of one flow", bounds="[1, 1e9]")
