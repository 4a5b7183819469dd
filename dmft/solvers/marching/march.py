"""One causal march: at step t the paths give row t of K and M, the kernels give row t+1 of R, C and m.

With ``F(s) = Σ_k f(s,k) Q_k`` over an orthonormal set Q of vectors over paths, ``M = αΔ f fᵀ`` and the Gaussian
part of the field follows the same linear recursion as R, driven by innovations z:

    g(t) = Σ_k l(t,k) z_k,   l(t+1) = (1−ηλ) l(t) + η Σ_v K(t,v) l(v) + η √(αΔ) f(t),   C = l lᵀ.

So C and M are positive semidefinite by construction, nothing is factorised, and where F has low rank (gradient
descent) the paths cost their rank per step instead of their history.

Two copies with the same sample and start, but mini-batches of their own, are equal in law. So half their sum and half
their difference are uncorrelated: two channels of this kind, with the same R and K. The second starts from 0, gives the
distance of the copies without cancellation, and stays 0 if their forces never differ. Equations: arXiv:2112.10852,
2006.06098.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import kernels
from .problem import MarchingProblem, Sample
from .response import Carriers
from .sampling import Paths, random_signs
from .state import Numbers, State

Array = np.ndarray
#: Relative mean square below which a force is a combination of earlier ones: amplitudes 1e-10 and 1e-6.
TOLERANCE = {"float64": 1e-20, "float32": 1e-12}
#: Path steps in one call of the kernel, between which a march can be stopped, and most steps in one.
CHUNK, MOST_AHEAD = 2**20, 16
#: Larger squares are called divergence.
LARGEST = {"float64": 1e100, "float32": 1e60}


class March:
    """State of one march of `steps` steps with `count` paths; `digits` as in :class:`Paths`; no `carriers`: probes."""

    def __init__(
        self,
        problem: MarchingProblem,
        steps: int,
        count: int,
        digits: Array | None,
        precision: str,
        carriers: Carriers | None,
        rng: np.random.Generator,
    ) -> None:
        times, copies = steps + 1, problem.copies
        self.problem, self.steps, self.count = problem, steps, count
        self.paths = Paths(problem, times, count, digits, rng)
        self.numbers = Numbers(
            load=problem.load, noise=problem.load * problem.delta, coupling=problem.delta * problem.learning_rate,
            width=np.sqrt(problem.delta), step=problem.learning_rate, decay=problem.decay, sphere=problem.sphere,
            amplitude=problem.amplitude, mean=problem.chain.mean, stay=problem.chain.stay,
            join=problem.chain.turn_on, largest=LARGEST[precision], tolerance=TOLERANCE[precision],
            budget=carriers.budget if carriers else 0.0, least=carriers.least if carriers else 0,
        )  # fmt: skip
        square = (times, times)
        exact = carriers is not None
        probes = (copies, 0 if exact else times, count)
        self.state = State(
            label=self.paths.label,
            direction=self.paths.centre + self.numbers.width * self.paths.field,
            active=self.paths.active,
            innovations=np.empty((copies, times + 1, count), dtype=precision),
            basis=np.empty((copies, times, count), dtype=precision),
            forces=np.zeros((copies, *square)),
            fields=np.zeros((copies, times, times + 1)),
            rank=np.zeros(copies, dtype=np.int64),
            pending=np.zeros(copies, dtype=bool),
            left_out=np.zeros(copies, dtype=np.int64),
            largest_left_out=np.zeros(copies),
            response=np.zeros(square),
            memory=np.zeros(square),
            magnetization=np.zeros(times),
            norm=np.zeros(times),
            loss=np.zeros(times),
            error=np.zeros(times),
            columns=np.zeros(square if exact else (0, 0), dtype=precision),
            slopes=np.empty((copies, times, count if exact else 0), dtype=precision),
            carriers=np.zeros(copies, dtype=np.int64),
            signs=random_signs(rng, probes, precision),
            weighted=np.zeros(probes, dtype=precision),
            rows=np.zeros((copies, times)),
            kernel=np.zeros(times),
            work=np.empty((copies, 5, count)),
        )
        self.state.magnetization[0], self.state.norm[0] = problem.m0, problem.r0
        self.state.fields[0, 0, 0] = np.sqrt(problem.r0)
        self.drawn = 0
        self.ahead = int(np.clip(CHUNK // count, 1, MOST_AHEAD))
        self.done, self.diverged = 0, False

    def run(self, stop: Callable[[], bool], progress: Callable[[float], None]) -> tuple[Sample, Sample]:
        """March to the end, to divergence, or until `stop()` says so; return the averages over time and at the end."""
        evaluate = self.problem.evaluate
        while self.done <= self.steps and not self.diverged and not stop():
            before, last = self.done, min(self.done + self.ahead, self.steps + 1)
            self._draw(last - before)
            self.done, self.diverged = kernels.march(
                evaluate.compiled, evaluate.parameters, self.numbers, self.state, before, last
            )
            progress(float(self.done - before))
        return self._sample()

    def _draw(self, steps: int) -> None:
        """Have an innovation for the start and each dimension that the forces may have in `steps` more steps."""
        needed = int(self.state.rank.max()) + steps + 1
        if needed > self.drawn:
            start, self.drawn = self.drawn, min(needed + self.ahead, self.steps + 2)
            for channel, innovations in enumerate(self.state.innovations):
                self.paths.innovations(channel, start, innovations[start : self.drawn])

    def facts(self) -> dict[str, float]:
        """Rank of the noise, forces left out of it and the largest share of these; mean number of exact responses."""
        return {
            "rank": int(self.state.rank.sum()),
            "left_out": int(self.state.left_out.sum()),
            "largest_left_out": float(self.state.largest_left_out.max()),
            "carriers": float(self.state.carriers.mean() / max(self.done, 1)),
        }

    def _covariances(self, channel: int) -> tuple[Array, Array]:
        """``l lᵀ`` and ``αΔ f fᵀ`` of a channel at the times that are done."""
        done, rank = self.done, self.state.rank[channel]
        field = self.state.fields[channel, :done, : rank + 1]
        force = self.state.forces[channel, :done, :rank]
        return field @ field.T, self.numbers.noise * (force @ force.T)

    def _sample(self) -> tuple[Sample, Sample]:
        done, problem, state = self.done, self.problem, self.state
        parts = [self._covariances(channel) for channel in range(problem.copies)]
        correlation, noise = (np.sum(part, axis=0) for part in zip(*parts, strict=True))
        sample: Sample = {
            "magnetization": state.magnetization[:done],
            "norm": state.norm[:done],
            "train_loss": state.loss[:done],
            "train_error": state.error[:done],
            "correlation": correlation,
            "response": state.response[:done, :done],
            "noise_kernel": noise,
            "memory_kernel": state.memory[:done, :done],
        }
        if problem.copies == 2:
            (same, force), (apart, force_apart) = parts
            sample["cross_correlation"] = same - apart
            sample["cross_noise_kernel"] = force - force_apart
            sample["distance"] = 4.0 * np.diagonal(apart)
        sample |= problem.derived(sample)
        return sample, problem.at_end(sample, state.work[:, 4].ravel()) if done else {}
