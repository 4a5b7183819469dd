"""What a solver or a simulation returns: curves, their coordinates, a status and diagnostics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import UnknownNameError
from .curve import Coordinate, Curve
from .status import Status

#: Parts of a result; the first that has an observable answers for it.
PARTS = ("theory", "simulation", "comparison")


@dataclass(frozen=True, eq=False)
class Solution(Mapping[str, Curve]):
    """Curves and scalars by name.

    Attributes
    ----------
    curves : dict
        Every observable, scalars (``dims == ()``) included.
    coordinates : dict
        Axis name (or second scale) to :class:`Coordinate`.
    status : Status
        How the calculation ended.
    samples : int
        Independent samples (batches, replicas) behind the standard errors; 0 for exact results.
    method : dict
        The options it was made with.
    diagnostics : dict
        Plain numbers and strings about the numerics (rank, pivots dropped, paths used, seconds).
    """

    curves: dict[str, Curve]
    coordinates: dict[str, Coordinate]
    status: Status
    samples: int = 0
    method: dict[str, Any] = field(default_factory=dict)
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Curve:
        if name not in self.curves:
            raise UnknownNameError("observable", name, self.curves)
        return self.curves[name]

    def __contains__(self, name: object) -> bool:
        return name in self.curves

    def __iter__(self) -> Iterator[str]:
        return iter(self.curves)

    def __len__(self) -> int:
        return len(self.curves)

    def __repr__(self) -> str:
        return f"<Solution: {', '.join(self.curves)}; {self.status.code}>"

    @property
    def exact(self) -> bool:
        """True if no number has an error: neither of samples nor of a step."""
        return self.samples == 0 and all(curve.stderr is None for curve in self.curves.values())

    @property
    def scalars(self) -> dict[str, Curve]:
        """The observables without an axis."""
        return {name: curve for name, curve in self.curves.items() if not curve.dims}
