"""What the continuous-time solvers report: at which times, after which waiting times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Report:
    """Times at which curves are wanted, 0 first; and lags after waiting times, all ends within the last time.

    Evenly spaced times need waiting times and lags that are among them: :meth:`steps` gives their numbers.
    """

    t: Array
    waiting: Array
    lags: Array

    @property
    def even(self) -> bool:
        """True if the times are evenly spaced."""
        steps = np.diff(self.t)
        return bool(np.ptp(steps) < 1e-9 * steps[0])

    def steps(self, times: Array) -> Array:
        """Numbers of evenly spaced times."""
        return np.rint(times / self.t[1]).astype(np.int64)

    def aging(self, two_time: dict[str, Array]) -> dict[str, Array]:
        """``aging_correlation``, ``aging_susceptibility``, (waiting, lags), out of curves at evenly spaced times.

        As many lags as were finished after all waiting times; nothing if there is none.
        """
        start, done = self.steps(self.waiting), len(two_time["correlation"])
        lags = self.steps(self.lags)
        lags = lags[lags + start.max() < done]
        if not len(lags):
            return {}
        places = start[:, None] + lags, start[:, None]
        return {f"aging_{name}": two_time[name][places] for name in ("correlation", "susceptibility")}
