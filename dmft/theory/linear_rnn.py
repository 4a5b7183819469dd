"""What the variants of ``temporal-extrapolation`` share: a linear recurrent network under gradient flow.

h_t = A h_{t−1} + B x_t, ŷ = C h, with impulse response m_j = C A^j B. Equation numbers are those of
docs/theory/temporal_extrapolation.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import declare
from ..results.curve import Coordinate, Curve, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import DIVERGED, Status
from ..solvers.flow.method import FlowMethod
from ..solvers.memory import check_memory
from .base import Model

Array = np.ndarray
REFERENCES = (
    "E. Cohen-Karlik, A. Ben David, N. Cohen, A. Globerson, On the implicit bias of gradient descent for temporal "
    "extrapolation, AISTATS 2022, arXiv:2202.04302",
    "E. Cohen-Karlik, I. Menuhin-Gruman, R. Giryes, N. Cohen, A. Globerson, Learning low dimensional state spaces with "
    "overparameterized recurrent neural nets, ICLR 2023, arXiv:2210.14064",
)
OVER_TIME = (
    Observable("train_loss", "L", "training loss, sequences of length k"),
    Observable("test_loss", "L_T", "loss on sequences of length T"),
    Observable("extrapolation_error", "ε", "norm of the response error at lags k … T − 1"),
    Observable("spectral_norm", "||A||", "largest singular value of A"),
    Observable("frobenius_norm", "||A||_F", "Frobenius norm of A"),
)
EXACT = (
    Observable("norm_conservation_error", "δ_1", "change of ||B||² − ||C||², relative to ||B||² + ||C||² at the start"),
    Observable("frobenius_conservation_error", "δ_2", "change of ||A||_F² + 2 ∫ Σ j r_j m_j, relative to its start"),
    Observable("response", "m_j", "impulse response", ("t", "lag")),
    Observable("lower_quartile_error", "ε_25", "extrapolation error, lower quartile of the starts"),
    Observable("median_error", "ε_50", "extrapolation error, median of the starts"),
    Observable("upper_quartile_error", "ε_75", "extrapolation error, upper quartile of the starts"),
    Observable("moments", "m_j", "impulse response at the end", ("lag",)),
    Observable("target_moments", "μ_j", "impulse response of the teacher", ("lag",)),
    Observable("error_by_length", "ε_T", "extrapolation error at the end, median of the starts", ("length",)),
    Observable("start_train_loss", "L", "training loss at the end", ("start",)),
    Observable("start_error", "ε", "extrapolation error at the end", ("start",)),
)
SCALARS = (
    Observable("final_train_loss", "L_end", "training loss at the end, median of the starts", ()),
    Observable("final_extrapolation_error", "ε_end", "extrapolation error at the end, median of the starts", ()),
    Observable("final_error_lower_quartile", "ε_25", "extrapolation error at the end, lower quartile", ()),
    Observable("final_error_upper_quartile", "ε_75", "extrapolation error at the end, upper quartile", ()),
    Observable("largest_error", "ε_max", "extrapolation error at the end, largest of the starts", ()),
)
QUARTILES = (
    Guide("lower_quartile_error", label="lower quartile of the starts"),
    Guide("upper_quartile_error", label="upper quartile of the starts"),
)
FIGURE = (
    Panel("extrapolation_error", log="xy", guides=QUARTILES),
    Panel("error_by_length", log="y"),
    Panel("spectral_norm", log="x"),
    Panel("response", log="y"),
)
#: First time that is reported, and times per decade.
FIRST, PER_DECADE = 1e-2, 15


@dataclass(frozen=True)
class Flows(FlowMethod):
    """Step control, and how many starts: curves belong to the first, medians to all."""

    starts: int = declare(1, "", "random starts; the first is that of a single one", bounds="[1, 1e6]")
    integrator: str = declare(
        "auto",
        "",
        "auto = the faster of dormand_prince and rosenbrock; chebyshev for large ensembles",
        choices=("auto", "dormand_prince", "rosenbrock", "chebyshev"),
    )


@dataclass(frozen=True)
class LinearRNN(Model):
    """Gradient flow of ½ Σ_{j<k} (m_j − μ_j)²; subclasses state the targets μ_j and the starts."""

    references: ClassVar[tuple[str, ...]] = REFERENCES
    figure: ClassVar[tuple[Panel, ...]] = (Panel("train_loss", log="xy"), *FIGURE)
    method: ClassVar[type[Flows]] = Flows
    size_means: ClassVar[str] = "sequences seen in a unit of time"

    state_dim: int = declare(10, "d", "dimension of the hidden state", bounds="[1, 300]")
    train_length: int = declare(5, "k", "length of the training sequences", bounds="[2, 1000]")
    test_length: int = declare(20, "T", "length of the test sequences, above train_length", bounds="[3, 1e5]")
    teacher: float = declare(1.0, "w*", "weight of the teacher", bounds="(0, 1e6]")
    t_max: float = declare(1e6, "t_max", "end of the flow", bounds="[0.1, 1e12]")
    batch_size: int = declare(16, "n", "sequences per step of the simulation", bounds="[1, 1e6]")
    simulated_time: float = declare(20.0, "t_sim", "end of the simulation, t_max if that is earlier", bounds="(0, 1e6]")
    seed: int = declare(0, "seed", "seed of the random starts", bounds="[0, inf)")

    def check(self) -> None:
        if self.test_length <= self.train_length:
            raise ParameterError(
                f"test_length = {self.test_length} is not allowed with train_length = {self.train_length}: "
                "give a longer one"
            )

    def targets(self) -> Array:
        """μ_0 … μ_{T−1}."""
        return self.teacher * (np.arange(self.test_length) == 0)

    def start(self, rng: np.random.Generator) -> Array:
        """A random (A row by row, B, C), shape (d² + 2d,)."""
        raise NotImplementedError

    def starts(self, count: int) -> Array:
        """Starts 0 … count − 1, each from the stream (seed, index); shape (count, d² + 2d)."""
        streams = (np.random.SeedSequence(self.seed, spawn_key=(index,)) for index in range(count))
        return np.array([self.start(np.random.default_rng(stream)) for stream in streams])

    def times(self) -> Array:
        """Times that are reported, evenly in the logarithm."""
        count = 1 + max(2, int(np.ceil(PER_DECADE * np.log10(self.t_max / FIRST))))
        return np.geomspace(FIRST, self.t_max, count)

    def seconds(self) -> dict[str, float]:
        """Predicted time of one flow by method of integration: explicit steps are cheap, but stable only below 1.5/w*.

        The constants were measured for d = 10, k = 5.
        """
        d, k, n = self.state_dim, self.train_length, self.state_dim**2 + 2.0 * self.state_dim
        evaluation = k * n * 4e-10 * (2.0 + k / 6.0) + 5e-7
        stages = 15.0 * np.sqrt(self.t_max * self.teacher) + 600.0
        return {
            "dormand_prince": 6.0 * (self.t_max * self.teacher / 1.5 + 300.0) * evaluation,
            "rosenbrock": 500.0 * (n**3 * 3e-10 + n * k * d * d * 6e-9),
            "chebyshev": 4.0 * stages * evaluation,
        }

    def integrator(self, method: Flows) -> str:
        """The method of integration: the one that is asked for, else the faster one of high order."""
        if method.integrator != "auto":
            return method.integrator
        seconds = self.seconds()
        return min(("dormand_prince", "rosenbrock"), key=lambda name: seconds[name])

    def estimate(self, method: Flows) -> dict[str, float]:
        d, n, chosen = self.state_dim, self.state_dim**2 + 2.0 * self.state_dim, self.integrator(method)
        numbers = method.starts * len(self.times()) * (n + 2.0 * self.test_length + 3.0 * d * d)
        if chosen == "rosenbrock":
            numbers += 4.0 * n * n
        return {"memory": 8.0 * numbers, "seconds": 0.3 + method.starts * self.seconds()[chosen]}

    def flow(self, starts: Array, times: Array, method: Flows, progress: Progress) -> Any:
        """Gradient flow of every start (members, n), eq. (2), with the integral of eq. (5) as last component."""
        from ..solvers.flow.chebyshev import relax
        from ..solvers.flow.solve import integrate
        from .kernels.temporal_extrapolation import curvature, descent

        span, y0 = (0.0, float(times[-1])), np.hstack([starts, np.zeros((len(starts), 1))])
        options: dict[str, Any] = {
            "data": np.concatenate([[self.state_dim, self.train_length], self.targets()[: self.train_length]]),
            "t_eval": times,
            "rtol": method.rtol,
            "atol": method.atol,
            "max_steps": method.max_steps,
            "progress": progress,
        }
        chosen = self.integrator(method)
        if chosen == "chebyshev":
            return relax(descent, span, y0, **options)
        return integrate(descent, span, y0, jacobian=curvature, method=chosen, **options)

    def solve(self, method: Flows, progress: Progress) -> Solution:
        """Integrate the flow; exact to the tolerance of the steps, so there are no standard errors."""
        check_memory(self.estimate(method)["memory"], "try fewer --starts or a shorter --test-length")
        starts, times = self.starts(method.starts), self.times()
        flows = self.flow(starts, times, method, progress)
        status, kept = flows.outcome(), int(flows.saved.min())
        path = flows.y[:, :kept] if kept else np.hstack([starts, np.zeros((len(starts), 1))])[:, None]
        responses = response(path, self.state_dim, self.test_length)
        lags = finite_lags(responses)
        if lags < self.test_length:
            status = Status(
                DIVERGED,
                f"the response left the float range at lag {lags}, A is unstable or the start too large: what there is "
                "below that lag is kept, try a smaller --test-length or a smaller start",
            )
        measured = self.measure(path, responses[..., :lags])
        curves = self._curves(measured, path, responses[..., :lags], starts[0])
        axes = self.axes(times[:kept] if kept else np.zeros(1), lags, len(starts))
        facts: dict[str, Any] = {
            "integrator": self.integrator(method),
            "evaluations": int(flows.nfev.sum()),
            "steps": int(flows.accepted.sum()),
        }
        return Solution(curves, axes, status, 0, method.as_dict(), facts)

    def axes(self, times: Array, lags: int, starts: int) -> dict[str, Coordinate]:
        """All axes."""
        return {
            "t": Coordinate("t", times, "t", "time"),
            "lag": Coordinate("lag", np.arange(float(lags)), "j", "lag"),
            "length": Coordinate("length", np.arange(self.train_length + 1.0, lags + 1.0), "T", "sequence length"),
            "start": Coordinate("start", np.arange(float(starts)), "start", "number of the start"),
        }

    def measure(self, path: Array, responses: Array) -> dict[str, Array]:
        """The observables :data:`OVER_TIME` of states and their responses, shape (members, times)."""
        k = self.train_length
        A, _, _ = split(path, self.state_dim)
        with np.errstate(over="ignore"):
            squares = 0.5 * (responses - self.targets()[: responses.shape[-1]]) ** 2
            train, test = squares[..., :k].sum(axis=-1), squares.sum(axis=-1)
            beyond = np.sqrt(2.0 * squares[..., k:].sum(axis=-1))
            spectral = np.linalg.norm(A, 2, axis=(-2, -1)) if np.all(np.isfinite(A)) else np.full(A.shape[:-2], np.nan)
            frobenius = np.sqrt((A**2).sum(axis=(-2, -1)))
        names = (item.name for item in OVER_TIME)
        return dict(zip(names, (train, test, beyond, spectral, frobenius), strict=True))

    def _curves(self, measured: dict[str, Array], path: Array, responses: Array, start: Array) -> dict[str, Curve]:
        errors, lags = measured["extrapolation_error"], responses.shape[-1]
        ends = errors[:, -1]
        values: dict[str, Array] = {name: value[0] for name, value in measured.items()}
        values |= conservation(path[0], start, self.state_dim)
        if len(path) > 1:
            quartiles = np.quantile(errors, [0.25, 0.5, 0.75], axis=0)
            values |= dict(
                zip(("lower_quartile_error", "median_error", "upper_quartile_error"), quartiles, strict=True)
            )
        differences = (responses[:, -1] - self.targets()[:lags])[:, self.train_length :]
        values |= {
            "response": responses[0],
            "moments": responses[0, -1],
            "target_moments": self.targets()[:lags],
            "error_by_length": np.median(np.sqrt(np.cumsum(differences**2, axis=1)), axis=0),
            "start_train_loss": measured["train_loss"][:, -1],
            "start_error": ends,
            "final_train_loss": np.median(measured["train_loss"][:, -1]),
            "final_extrapolation_error": np.median(ends),
            "final_error_lower_quartile": np.quantile(ends, 0.25),
            "final_error_upper_quartile": np.quantile(ends, 0.75),
            "largest_error": ends.max(),
            **(self.extra(measured, path) if lags == self.test_length else {}),
        }
        # what is not known: losses of longer sequences than there are lags, errors at lags of which there are none
        unknown = {"test_loss"} if lags < self.test_length else set()
        if lags < self.train_length:
            unknown |= {name for name in values if name.endswith("train_loss")}
        if lags <= self.train_length:
            unknown |= {name for name in values if "error" in name and "conservation" not in name}
        values = {name: value for name, value in values.items() if name not in unknown}
        return {
            item.name: item.curve(values[item.name])
            for item in self.observables
            if item.name in values and np.all(np.isfinite(values[item.name]))
        }

    def extra(self, measured: dict[str, Array], path: Array) -> dict[str, Any]:
        """Observables of a subclass."""
        return {}


def split(states: Array, d: int) -> tuple[Array, Array, Array]:
    """A (…, d, d), B (…, d) and C (…, d) of states (…, n)."""
    A = states[..., : d * d].reshape(*states.shape[:-1], d, d)
    return A, states[..., d * d : d * d + d], states[..., d * d + d : d * d + 2 * d]


def response(states: Array, d: int, lags: int) -> Array:
    """Impulse responses m_j = C A^j B, shape (…, lags)."""
    A, B, C = split(states, d)
    out = np.empty((*states.shape[:-1], lags))
    with np.errstate(over="ignore", invalid="ignore"):
        for j in range(lags):
            out[..., j] = (C * B).sum(axis=-1)
            B = (A @ B[..., None])[..., 0]
    return out


def finite_lags(responses: Array) -> int:
    """Lags before the first one at which a response, or its square, is not finite anywhere."""
    with np.errstate(over="ignore", invalid="ignore"):
        good = np.all(np.isfinite(responses**2), axis=tuple(range(responses.ndim - 1)))
    return len(good) if good.all() else int(np.argmin(good))


def conservation(path: Array, start: Array, d: int) -> dict[str, Array]:
    """Relative violation of eqs. (4) and (5) along one flow (times, n + 1), both exact laws of the gradient flow."""
    A, B, C = split(path, d)
    A0, B0, C0 = split(start, d)
    difference = (B**2).sum(axis=-1) - (C**2).sum(axis=-1) - (B0 @ B0 - C0 @ C0)
    total = (A**2).sum(axis=(-2, -1)) + path[..., -1] - (A0**2).sum()
    tiny = np.finfo(float).tiny
    return {
        "norm_conservation_error": np.abs(difference) / max(float(B0 @ B0 + C0 @ C0), tiny),
        "frobenius_conservation_error": np.abs(total) / max(float((A0**2).sum()), tiny),
    }
