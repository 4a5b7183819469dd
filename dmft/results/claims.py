"""What a claim is made of: a number or a curve picked from results, a check of it, an outcome, a verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import ParameterError
from .phase import PhaseDiagram
from .run import Run
from .solution import PARTS

CONFIRMED, PARTLY, NOT_CONFIRMED = "confirmed", "partly", "not confirmed"
#: From best to worst.
VERDICTS = (CONFIRMED, PARTLY, NOT_CONFIRMED)
#: Results by the name of the task that made them; the first stands for the name "".
Results = Mapping[str, Run | PhaseDiagram]


@dataclass(frozen=True)
class Values:
    """Numbers that were picked.

    Attributes
    ----------
    values, stderr : ndarray
        A scalar or a curve.
    axis : ndarray or None
        The axis that is left, if one is.
    samples : int
        Independent samples behind the standard errors; 0 for exact numbers.
    """

    values: np.ndarray
    stderr: np.ndarray | None
    axis: np.ndarray | None = None
    samples: int = 0

    @property
    def error(self) -> np.ndarray:
        """The standard errors; zeros for exact numbers."""
        return np.zeros_like(self.values) if self.stderr is None else self.stderr


@dataclass(frozen=True)
class Pick:
    """Where in the results of a recipe a number or a curve is.

    Attributes
    ----------
    name : str
        Observable.
    at : dict
        Points on its axes: a coordinate's name with a value, with ``"first"`` or ``"last"``, or with (low, high), which
        keeps that part of the axis.
    task : str
        Name of the task; default: the first of the recipe.
    side : {"", "theory", "simulation", "comparison"}
        Default: the first that has it.
    factor : float
        Multiplies it.

    Examples
    --------
    >>> str(Pick("energy", {"t": 5.0}, side="theory"))
    'energy(t=5), theory'
    """

    name: str
    at: Mapping[str, Any] = field(default_factory=dict)
    task: str = ""
    side: str = ""
    factor: float = 1.0

    def __str__(self) -> str:
        points = ", ".join(f"{axis}={_words(point)}" for axis, point in self.at.items())
        scale = "" if self.factor == 1.0 else f"{self.factor:g} × "
        words = f"{scale}{self.name}" + (f"({points})" if points else "")
        return ", ".join(filter(None, (words, self.task, self.side)))

    def get(self, results: Results) -> Values:
        """The numbers.

        Raises
        ------
        ParameterError
            If there are none at these points.
        """
        result = next(iter(results.values())) if not self.task else results[self.task]
        side, curve, coordinates, samples = self._find(result)
        values, stderr = curve.values * self.factor, curve.stderr
        stderr = None if stderr is None else stderr * abs(self.factor)
        dims, left = list(curve.dims), {}
        for name, point in self.at.items():
            axis = coordinates[name].axis if name in coordinates else name
            if axis not in dims:
                raise ParameterError(f"{self.name} of {side} has no axis {name!r}: it has {', '.join(dims) or 'none'}")
            number = dims.index(axis)
            # an axis without coordinates is counted
            points = np.asarray(coordinates[name].values if name in coordinates else range(values.shape[number]))
            index = _index(points, point, name)
            values = values[(slice(None),) * number + (index,)]
            stderr = None if stderr is None else stderr[(slice(None),) * number + (index,)]
            if isinstance(index, int):
                del dims[number]
            else:
                left[axis] = points[index]
        only = dims[0] if len(dims) == 1 else ""
        axis_values = left.get(only, np.asarray(coordinates[only].values) if only in coordinates else None)
        return Values(values, stderr, axis_values, samples)

    def _find(self, result: Run | PhaseDiagram) -> tuple[str, Any, Mapping[str, Any], int]:
        for side in (self.side,) if self.side else PARTS:
            part = getattr(result, side, None)
            if isinstance(part, Mapping) and self.name in part:
                own = part.coordinates  # type: ignore[attr-defined]  # a Solution
                swept = result.coordinates if isinstance(result, PhaseDiagram) else {}
                return side, part[self.name], {**own, **swept}, part.samples  # type: ignore[attr-defined]
        raise ParameterError(f"{self} is not among the results: {', '.join(result)}")


def _words(point: Any) -> str:
    if isinstance(point, tuple):
        return f"{point[0]:g}…{point[1]:g}"
    return f"{point:g}" if isinstance(point, (int, float)) else str(point)


def _index(axis: np.ndarray, point: Any, name: str) -> Any:
    """Index of a point, or a mask for a part of the axis."""
    if point in ("first", "last"):
        return 0 if point == "first" else len(axis) - 1
    if isinstance(point, tuple):
        low, high = point
        return np.flatnonzero((axis >= low * (1 - 1e-9)) & (axis <= high * (1 + 1e-9)))
    if axis.dtype.kind in "UO":
        found = np.flatnonzero(axis == point)
    else:
        found = np.flatnonzero(np.abs(axis - point) <= 1e-6 * max(abs(point), 1e-300))
    if not len(found):
        near = axis[0] if axis.dtype.kind in "UO" else axis[np.argmin(np.abs(axis - point))]
        raise ParameterError(f"{name} = {point} is not a point of that axis: the nearest is {near}")
    return int(found[0])


@dataclass(frozen=True)
class Outcome:
    """What a check has found.

    Attributes
    ----------
    passed : bool
        It is as claimed.
    text : str
        The evidence in words and numbers.
    z : float or None
        Largest deviation from the claim in standard errors, where these decide.
    relative_error : float or None
        Largest relative deviation, where the claim is about a number.
    """

    passed: bool
    text: str
    z: float | None = None
    relative_error: float | None = None

    def plain(self) -> dict[str, Any]:
        """As a dictionary, ready for JSON."""
        return dataclasses.asdict(self)


class Check:
    """One statement about results. Subclass it as a frozen dataclass with a method :meth:`judge`."""

    def judge(self, results: Results) -> Outcome:
        """Look at the results."""
        raise NotImplementedError


def verdict(outcomes: Iterable[Outcome]) -> str:
    """``confirmed`` if all statements hold, ``not confirmed`` if none does, else ``partly``.

    Examples
    --------
    >>> verdict([Outcome(True, "slope 2"), Outcome(False, "slope 3")])
    'partly'
    """
    passed = [outcome.passed for outcome in outcomes]
    if not passed:
        raise ValueError("a claim without a check has no verdict")
    return CONFIRMED if all(passed) else PARTLY if any(passed) else NOT_CONFIRMED
