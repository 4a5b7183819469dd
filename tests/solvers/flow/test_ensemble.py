"""Many members: same bits for any number of threads, each with its own span, step, status and dense output."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from dmft.errors import ParameterError
from dmft.results.progress import Progress
from dmft.solvers import threads as module
from dmft.solvers.flow import solve as solving
from dmft.solvers.flow.callbacks import right_side
from dmft.solvers.flow.solve import integrate


@right_side
def power(t, y, parameters, data, out):
    """Linear, or blowing up in finite time."""
    out[0] = parameters[0] * y[0] * abs(y[0]) ** (parameters[1] - 1.0)


def random_members(problems, **options):
    rng = np.random.default_rng(3)
    starts = rng.standard_normal((200, 2))
    rates = rng.uniform(0.1, 2.0, (200, 1))
    return integrate(problems.oscillator, (0.0, 5.0), starts, parameters=rates, rtol=1e-8, atol=1e-8, **options)


@pytest.mark.parametrize("method", ["dormand_prince", "rosenbrock"])
def test_bits_do_not_depend_on_threads_or_neighbours(problems, monkeypatch, method):
    results = []
    for count in (1, 3, 8):
        monkeypatch.setattr(module, "threads", lambda count=count: count)
        results.append(random_members(problems, method=method, t_eval=[1.0, 5.0]))
    for other in results[1:]:
        for name in ("y", "y_end", "nfev", "accepted", "rejected"):
            assert np.array_equal(getattr(results[0], name), getattr(other, name))
    rng = np.random.default_rng(3)
    starts, rates = rng.standard_normal((200, 2)), rng.uniform(0.1, 2.0, (200, 1))
    alone = integrate(
        problems.oscillator, (0.0, 5.0), starts[17], parameters=rates[17], rtol=1e-8, atol=1e-8, method=method
    )
    assert np.array_equal(alone.y_end[0], results[0].y_end[17])


def test_states_in_between_and_dense_output_agree(problems):
    times = np.linspace(0.0, 5.0, 41)
    flows = random_members(problems, t_eval=times, dense_output=True)
    assert np.array_equal(flows.y[:, 0], np.random.default_rng(3).standard_normal((200, 2)))
    assert np.array_equal(flows.y[:, -1], flows.y_end)
    for m in (0, 50, 199):
        assert np.allclose(flows.sol[m](times), flows.y[m], rtol=0.0, atol=1e-15)
        assert flows.sol[m](2.5).shape == (2,)


def test_backward_undoes_forward(problems):
    there = random_members(problems)
    rates = np.random.default_rng(3)
    starts = rates.standard_normal((200, 2))
    rates = rates.uniform(0.1, 2.0, (200, 1))
    back = integrate(
        problems.oscillator, (5.0, 4.5), there.y_end, parameters=rates, rtol=1e-10, atol=1e-12, dense_output=True
    )
    again = integrate(problems.oscillator, (4.5, 5.0), back.y_end, parameters=rates, rtol=1e-10, atol=1e-12)
    assert np.allclose(again.y_end, there.y_end, rtol=0.0, atol=1e-8)
    assert np.allclose(back.sol[0](4.5), back.y_end[0])
    assert np.all(np.isfinite(starts))


def test_each_member_has_its_own_span(problems):
    """dy/dt = −y: where it started does not matter, how long it ran does."""
    begin, end = np.array([0.0, 1.0, 2.0]), np.array([3.0, 3.0, 2.5])
    flows = integrate(
        problems.detest, (begin, end), [[1.0], [1.0], [1.0]], parameters=[1.0], t_eval=[0.5, 2.0, 3.0], rtol=1e-10,
        atol=1e-12,
    )  # fmt: skip
    assert np.allclose(flows.y_end[:, 0], np.exp(begin - end), rtol=1e-9)
    assert np.array_equal(np.isnan(flows.y[:, :, 0]), [[False] * 3, [True, False, False], [True, False, True]])
    assert flows.y[2, 1, 0] == 1.0


def test_every_way_to_end(problems):
    """Decay, growth beyond the bound, blow-up in finite time, 0/0: each has a status and a finite last state."""
    starts, rates = [[1.0], [1.0], [1.0], [0.0]], [[-1.0, 1.0], [1.0, 1.0], [1.0, 2.0], [1.0, 0.0]]
    flows = integrate(power, (0.0, 100.0), starts, parameters=rates, divergence=1e30, rtol=1e-8)
    assert flows.status.tolist() == [0, -2, -1, -2]
    assert np.all(np.isfinite(flows.y_end))
    assert flows.t_end[0] == 100.0
    assert flows.t_end[1] == pytest.approx(30.0 * np.log(10.0), rel=0.05)
    assert flows.t_end[2] == pytest.approx(1.0, rel=1e-6)
    assert not flows.success
    assert flows.outcome().code == "diverged"
    assert "2 of 4" in flows.message


def test_an_interrupt_keeps_what_there_is(problems, monkeypatch):
    """Ctrl-C comes while the first chunk reports: later chunks never start, their status says so."""
    monkeypatch.setattr(module, "threads", lambda: 1)

    def interrupted(futures):
        while not any(future.done() for future in futures):
            pass
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "wait", interrupted)
    flows = random_members(problems)
    assert set(flows.status) <= {0, -4}
    assert flows.outcome().code in ("interrupted", "converged")
    assert np.all(np.isfinite(flows.y_end))


def test_stop_flag_ends_a_member_on_its_way(problems, monkeypatch):
    def part(self, first, last, stop):
        stop[0] = 1
        original(self, first, last, stop)

    original = solving._Run.part
    monkeypatch.setattr(solving._Run, "part", part)
    flow = integrate(problems.detest, (0.0, 1.0), [1.0], parameters=[1.0])
    assert flow.status[0] == -4
    assert flow.outcome().code == "interrupted"
    assert flow.t_end[0] == 0.0


def test_progress_counts_all_members(problems):
    class Sum(Progress):
        done = total = 0.0

        def start(self, label, total):
            self.total = total

        def update(self, done):
            self.done += done

    progress = Sum()
    random_members(problems, progress=progress)
    assert progress.done == progress.total == 200.0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rtol": 0.0}, "rtol = 0.0 is not allowed: give a number above 0"),
        ({"atol": 0.0}, "atol = 0.0 is not allowed"),
        ({"rtol": float("nan")}, "rtol = nan is not allowed"),
        ({"method": "euler"}, "method = 'euler' is not allowed: give one of dormand_prince, rosenbrock"),
        ({"max_steps": 0}, "max_steps = 0 is not allowed"),
        ({"max_step": -1.0}, "max_step = -1.0"),
        ({"fixed_step": 0.0}, "fixed_step = 0.0"),
        ({"t_eval": [2.0]}, "t_eval is not allowed: give times between 0 and 1"),
        ({"t_eval": [0.5, 0.2]}, "in the order of t_span"),
        ({"t_span": (0.0, np.inf)}, "t_span"),
        ({"t_span": ([0.0, 1.0], [1.0, 0.0]), "y0": [[1.0], [1.0]]}, "split them"),
        ({"y0": [np.nan]}, "y0 of shape"),
        ({"y0": np.zeros((0, 2))}, "is empty"),
        ({"y0": np.zeros((2, 2, 2))}, "y0 of shape"),
        ({"y0": [[1.0], [1.0]], "parameters": [[1.0]] * 3}, "y0 has 2 rows, but there are 3 members"),
        ({"events": power}, "terminal = ()"),
        ({"events": power, "terminal": [0], "direction": [0.0, 1.0]}, "one number per event function"),
    ],
    ids=str,
)
def test_bad_input_by_name(problems, options, words):
    call = {"t_span": (0.0, 1.0), "y0": [1.0], "parameters": [1.0]} | options
    with pytest.raises(ParameterError) as error:
        integrate(problems.detest, call.pop("t_span"), call.pop("y0"), **call)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_caches_work_in_another_process(tmp_path):
    """A model's callback and the integrator are compiled once and found on disk by the next process."""
    (tmp_path / "my_model.py").write_text(
        "from dmft.solvers.flow.callbacks import right_side\n"
        "@right_side\n"
        "def descent(t, y, parameters, data, out):\n"
        "    out[0] = -y[0]\n"
    )
    code = (
        "import my_model\n"
        "from dmft.solvers.flow import kernels\n"
        "from dmft.solvers.flow.solve import integrate\n"
        "flow = integrate(my_model.descent, (0.0, 1.0), [1.0])\n"
        "print(sum(kernels.integrate_members.stats.cache_hits.values()), my_model.descent.cache_hits)\n"
    )
    for _ in range(2):
        answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["1", "1"]
