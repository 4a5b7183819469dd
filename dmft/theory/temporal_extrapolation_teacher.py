"""A recurrent teacher of low dimension: a symmetric student that matches enough moments extrapolates.

Equation numbers are those of docs/theory/temporal_extrapolation_teacher.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import declare, redeclare
from ..results.curve import Observable
from ..results.picture import Guide, Panel
from .linear_rnn import EXACT, FIGURE, OVER_TIME, SCALARS
from .lists import numbers
from .registry import register
from .temporal_extrapolation import TemporalExtrapolation

Array = np.ndarray


@register
@dataclass(frozen=True)
class TemporalExtrapolationTeacher(TemporalExtrapolation):
    """Teacher μ_j = Σ_a p_a λ_a^j with d̂ atoms; symmetric students have a measure of d atoms of their own."""

    slug: ClassVar[str] = "temporal-extrapolation/teacher"
    title: ClassVar[str] = "Linear recurrent network, recurrent teacher of low dimension: matching its moments"
    observables: ClassVar[tuple[Observable, ...]] = (*OVER_TIME, *EXACT, *SCALARS)
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("train_loss", log="xy"),
        Panel("moments", log="", guides=(Guide("target_moments", label="teacher"),)),
        *FIGURE,
    )

    test_length: int = redeclare(TemporalExtrapolation, "test_length", 40)
    t_max: float = redeclare(TemporalExtrapolation, "t_max", 1e5)
    teacher_dim: int | None = declare(None, "d̂", "state dimension of the teacher [2]", kind=int, bounds="[1, 300]")
    teacher_radius: float = declare(0.8, "ρ", "largest eigenvalue of the teacher", bounds="[0, 1]")
    eigenvalues: str | None = declare(
        None, "λ_a", "eigenvalues of the teacher, comma-separated [evenly from ρ to −ρ/2]", kind=str
    )
    masses: str | None = declare(None, "p_a", "their masses, comma-separated [w*/d̂ each]", kind=str)

    def check(self) -> None:
        super().check()
        for name in ("eigenvalues", "masses"):
            values = self._numbers(name)
            if values is None:
                continue
            if self.teacher_dim not in (None, len(values)):
                raise ParameterError(
                    f"{name} = {getattr(self, name)!r} has {len(values)} numbers, teacher_dim is {self.teacher_dim}: "
                    "give as many, or leave one out"
                )
            self.resolve(teacher_dim=len(values))
        self.resolve(teacher_dim=2)

    def _numbers(self, name: str) -> Array | None:
        text = getattr(self, name)
        if text is None:
            return None
        values = numbers(name, text, "finite numbers, e.g. 0.8,-0.4")
        if name == "masses" and np.any(values <= 0.0):
            raise ParameterError(f"masses = {text!r} is not allowed: a symmetric student has positive ones only")
        return values

    def warnings(self) -> tuple[str, ...]:
        assert self.teacher_dim is not None
        if self.train_length < 2 * self.teacher_dim + 1:
            return (
                f"train_length = {self.train_length} is below 2 d̂ + 1 = {2 * self.teacher_dim + 1}: the moments seen "
                "do not determine the teacher, so extrapolation is not expected",
            )
        return ()

    def targets(self) -> Array:
        """μ_0 … μ_{T−1}: eq. (1)."""
        assert self.teacher_dim is not None
        atoms, masses = self._numbers("eigenvalues"), self._numbers("masses")
        if atoms is None:
            atoms = np.linspace(self.teacher_radius, -0.5 * self.teacher_radius, self.teacher_dim)
        if masses is None:
            masses = np.full(self.teacher_dim, self.teacher / self.teacher_dim)
        with np.errstate(over="ignore"):
            return masses @ atoms[:, None] ** np.arange(self.test_length)

    def extra(self, measured: dict[str, Array], path: Array) -> dict[str, Array]:
        """No law for late times is known here."""
        return {}
