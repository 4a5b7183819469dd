"""Points where something happens: the library ``adaptive`` chooses them, in batches that do not depend on timing."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DMFTError, ParameterError, UnknownNameError
from ..results.status import CONVERGED
from .plan import Plan, Point
from .work import Record

#: Points chosen at a time. It decides which points are chosen, so it does not follow the number of workers.
BATCH = 8


class Adaptive:
    """Chooses points of one or two numeric axes, from the grid on up to `total` points.

    Parameters
    ----------
    observable : str or None
        A scalar, or a curve whose last value counts; by default the first scalar of the model, else its first curve.

    Raises
    ------
    ParameterError, UnknownNameError, DMFTError
        If the axes are not fit, the observable unknown or the library not installed.
    """

    def __init__(self, plan: Plan, total: int, observable: str | None) -> None:
        for axis in plan.axes:
            if not axis.numeric or len(axis.names) > 1 or plan.declared[axis.names[0]].kind is not float:
                raise ParameterError(
                    f"adaptive cannot choose values of {', '.join(axis.names)}: give a range of numbers"
                )
            if len(axis) < 2:
                raise ParameterError(f"adaptive needs a range of {axis.names[0]}, e.g. {axis.names[0]}=0.5:4:5")
        if len(plan.axes) > 2:
            raise ParameterError(f"adaptive knows one or two axes, not {len(plan.axes)}: sweep fewer, or a grid")
        size = math.prod(len(axis) for axis in plan.axes)
        if isinstance(total, bool) or not isinstance(total, int) or total <= size:
            raise ParameterError(f"adaptive = {total!r} is not allowed: give more points than the grid has, {size}")
        names = [item.name for item in plan.model.observables if len(item.dims) <= 1]
        if observable is not None and observable not in names:
            raise UnknownNameError("observable", observable, names)
        scalars = [item.name for item in plan.model.observables if not item.dims]
        self.plan, self.total = plan, total
        self.observable = observable or (scalars or names)[0]
        self.logs = [axis.logarithmic for axis in plan.axes]
        self.seen: list[Point] = []
        self._learner()  # tells now if the library is missing

    def _learner(self) -> Any:
        try:
            import adaptive
        except ImportError:
            raise DMFTError('adaptive is not installed: pip install "dmft[adaptive]", or sweep a grid') from None
        bounds = [
            tuple(math.log(value) if log else value for value in axis.bounds())
            for axis, log in zip(self.plan.axes, self.logs, strict=True)
        ]
        if len(bounds) == 1:
            return adaptive.Learner1D(None, bounds[0])
        return adaptive.Learner2D(None, bounds)

    def explore(self, work: Any, points: Sequence[Point]) -> list[Point]:
        """Calculate further points until there are :attr:`total`; `points` are finished.

        Notes
        -----
        What is asked next depends on the values alone, told in one order: the same points with any number of workers,
        and again after an interruption, when those that are finished are only read.
        """
        self.seen = list(points)
        known = {point.name for point in self.seen}
        learner = self._learner()
        values = {point.name: self._value(work.records.get(point.name)) for point in self.seen}
        finite = [value for value in values.values() if math.isfinite(value)]
        ceiling = max(finite, default=0.0)  # stands for points without a value: a border of what converges

        def tell(several: Sequence[Point]) -> None:
            for point in several:
                value = self._value(work.records.get(point.name))
                learner.tell(self._place(point), value if math.isfinite(value) else ceiling)

        tell(self.seen)
        while len(self.seen) < self.total:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of how well it interpolates, which only moves points
                places, _ = learner.ask(min(BATCH, self.total - len(self.seen)))
            batch = [self.plan.point(self._values(place)) for place in places]
            batch = list({point.name: point for point in batch if point.name not in known}.values())
            if not batch:
                break  # the intervals are as short as numbers allow
            self.seen += batch
            known |= {point.name for point in batch}
            work.look(batch)
            work.do(batch)
            tell(batch)
        return self.seen

    def known(self, points: Sequence[Point]) -> list[Point]:
        """All points that were asked for so far."""
        return self.seen or list(points)

    def _place(self, point: Point) -> Any:
        place = [math.log(value) if log else value for value, log in zip(point.values.values(), self.logs, strict=True)]
        return place[0] if len(place) == 1 else tuple(place)

    def _values(self, place: Any) -> dict[str, Any]:
        numbers = np.atleast_1d(place)
        made = {}
        for axis, number, log in zip(self.plan.axes, numbers, self.logs, strict=True):
            low, high = axis.bounds()
            # 12 digits: what is told back to the learner is what was calculated
            made[axis.names[0]] = min(max(float(f"{math.exp(number) if log else number:.12g}"), low), high)
        return made

    def _value(self, record: Record | None) -> float:
        """The observable at one point; NaN unless it has converged."""
        if record is None or record.status != CONVERGED:
            return math.nan
        for group in record.groups.values():
            if self.observable in group.variables:
                values = group.variables[self.observable].values
                return float(values if values.ndim == 0 else values[-1])
        return math.nan
