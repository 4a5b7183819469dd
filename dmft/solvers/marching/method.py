"""Options of the causal Monte-Carlo solver."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...errors import ParameterError
from ...parameters import Declared, declare


@dataclass(frozen=True)
class Marching(Declared):
    """Causal Monte-Carlo solution of a discrete-time DMFT: numerics only, no physics."""

    paths: int = declare(20000, "n", "paths in all batches together", bounds="[1, 1e12]")
    batches: int = declare(8, "B", "independent marches, for the error bars", bounds="[2, 1e6]")
    seed: int = declare(0, "seed", "seed of all random numbers", bounds="[0, inf)")
    sampler: str = declare(
        "sobol", "", "sobol = randomised quasi-Monte-Carlo, random = pseudo-random", choices=("sobol", "random")
    )
    response: str = declare(
        "auto",
        "",
        "estimator of the memory kernel: exact per-path response (on as many paths as pay), or one probe a path",
        choices=("auto", "exact", "probe"),
    )
    precision: str = declare(
        "float32",
        "",
        "storage of the paths; averages and kernels are float64 in any case",
        choices=("float64", "float32"),
    )

    def check(self) -> None:
        if self.paths < self.batches:
            raise ParameterError(
                f"paths = {self.paths} is fewer than batches = {self.batches}: "
                f"each batch needs at least one path; give paths >= {self.batches}"
            )

    @property
    def paths_per_batch(self) -> int:
        """Paths in one march. Sobol' points come in powers of two: the nearest one (in ratio) is used."""
        share = -(-self.paths // self.batches)
        return 1 << round(math.log2(share)) if self.sampler == "sobol" else share
