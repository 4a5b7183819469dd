"""Twin of ``lamb/schedule``: the schedules that the networks of the package are trained with, step by step."""

from __future__ import annotations

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, Status
from ..theory.lamb_schedule import LARGEST, RATE, SAMPLES, SMALLEST, WARM_UP, LambSchedule
from .method import Simulation
from .networks.schedules import Schedule, root_scaled, warm_up_linear_decay


def estimate(model: LambSchedule, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate`."""
    return {"memory": 1e5, "seconds": 0.1}


def simulate(model: LambSchedule, method: Simulation, progress: Progress) -> Solution:
    """Evaluate the schedules: exact, so that there is one sample and no error."""
    rates = [root_scaled(RATE, int(batch), LARGEST) for batch in model.batches]
    schedule = _schedule(model.batch)
    values = {
        "learning_rate": np.array(rates),
        "rate": np.array([schedule(int(step)) for step in model.recorded_steps]),
    }
    curves = model.exact_curves(values)
    status = Status(CONVERGED, "schedules of the package evaluated")
    return Solution(curves, model.coordinates(), status, 0, method.as_dict())


def _schedule(batch: int) -> Schedule:
    steps = SAMPLES / batch  # a real number: a whole one may lose a step of the warm-up
    warm_up = round(WARM_UP * batch / SMALLEST * steps)
    return warm_up_linear_decay(root_scaled(RATE, batch, LARGEST), warm_up, int(steps))
