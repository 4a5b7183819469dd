"""Members in threads: how they end, what is kept, and that an order of finishing changes nothing."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dmft.results.progress import SILENT, Progress
from dmft.solvers.ensemble import Member, run_ensemble

STEPS = 5


def full(index: int, done: int = STEPS + 1, *, diverged: bool = False) -> Member:
    values = np.arange(done) + 100.0 * index
    sample = {"curve": values, "kernel": np.add.outer(values, values)}
    return Member(sample, done, diverged, {"index": index}, {"margins": np.ones(7), "lags": np.ones(done)})


def gather(task, members=4, workers=2, progress=SILENT):
    try:
        return run_ensemble(task, members, workers, STEPS, progress, "working")
    except KeyboardInterrupt:  # would end the tests instead of failing one
        pytest.fail("KeyboardInterrupt left run_ensemble")


def wait_for_stop(stop, seconds=10.0) -> bool:
    """Work until told to stop; False if nobody did."""
    ends = time.monotonic() + seconds
    while not stop() and time.monotonic() < ends:
        time.sleep(0.01)
    return stop()


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_all_done(workers):
    def task(index, stop, update):
        time.sleep(0.01 * (4 - index))  # the last one finishes first
        return full(index)

    moments, status, facts = gather(task, workers=workers)
    assert status.success
    assert moments.count == 4
    assert [fact["index"] for fact in facts] == [0, 1, 2, 3]
    np.testing.assert_array_equal(moments.mean("curve"), np.arange(STEPS + 1) + 150.0)


def test_progress_counts_every_unit():
    class Counter(Progress):
        total = done = 0.0
        ended = False

        def start(self, label, total):
            self.total = total

        def update(self, done):
            self.done += done

        def finish(self):
            self.ended = True

    counter = Counter()

    def task(index, stop, update):
        for _ in range(STEPS + 1):
            update(1.0)
        return full(index)

    gather(task, workers=1, progress=counter)
    assert counter.done == counter.total == 4 * (STEPS + 1)
    assert counter.ended


def test_divergence_cuts_all_to_the_shortest():
    moments, status, facts = gather(lambda index, stop, update: full(index, 3 + index, diverged=index < 3))
    assert status.code == "diverged"
    assert "after step 2" in status.message
    assert "--learning-rate" in status.message
    assert moments.count == 4
    assert moments.mean("curve").shape == (3,)
    assert moments.mean("kernel").shape == (3, 3)
    assert moments.mean("margins").shape == (7,)
    assert "lags" not in list(moments)  # of another length in each run
    assert len(facts) == 4


def test_divergence_at_the_start_keeps_nothing():
    moments, status, _ = gather(lambda index, stop, update: full(index, 0, diverged=True))
    assert status.code == "diverged"
    assert moments.count == 0


class Stopper(Progress):
    """Sends the main thread the signal of Ctrl-C, as a terminal does, once, when `units` are done."""

    def __init__(self, units: int) -> None:
        self.left, self.lock = units, threading.Lock()

    def update(self, done: float) -> None:
        time.sleep(0.05)  # let the main thread hand out all members first
        with self.lock:
            self.left -= 1
            if self.left == 0:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def test_control_c_keeps_complete_members():
    def task(index, stop, update):
        if index < 2:
            return full(index)
        update(1.0)
        assert wait_for_stop(stop)
        return full(index, 2)

    moments, status, _ = gather(task, workers=4, progress=Stopper(2))
    assert status.code == "interrupted"
    assert "2 of 4 independent runs are complete" in status.message
    assert moments.count == 2
    assert moments.mean("curve").shape == (STEPS + 1,)


def test_control_c_before_any_is_complete_keeps_the_times_they_share():
    def task(index, stop, update):
        update(1.0)
        assert wait_for_stop(stop)
        return full(index, 2 + index)

    moments, status, _ = gather(task, members=2, progress=Stopper(2))
    assert status.code == "interrupted"
    assert "interrupted after 2 of 6 times" in status.message
    assert moments.count == 2
    assert moments.mean("kernel").shape == (2, 2)


def test_control_c_starts_no_further_member():
    started = []

    def task(index, stop, update):
        started.append(index)
        update(1.0)
        assert wait_for_stop(stop)
        return full(index, 1)

    gather(task, members=6, workers=2, progress=Stopper(2))
    assert len(started) == 2


def test_control_c_while_members_are_handed_out(monkeypatch):
    submit, calls, told = ThreadPoolExecutor.submit, [], []

    def interrupted(pool, *arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return submit(pool, *arguments)

    def task(index, stop, update):
        told.append(wait_for_stop(stop, seconds=2.0))
        return full(index, 3)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    moments, status, _ = gather(task)
    assert told == [True]
    assert status.code == "interrupted"
    assert moments.mean("curve").shape == (3,)


def test_interrupt_raised_in_a_thread_keeps_what_there_is():
    """A progress report of one's own that raises KeyboardInterrupt means the same as Ctrl-C."""

    class Impatient(Progress):
        def update(self, done):
            raise KeyboardInterrupt

    def task(index, stop, update):
        if index < 2:
            return full(index)
        assert not stop()
        update(1.0)
        assert stop()
        return full(index, 1)

    moments, status, _ = gather(task, progress=Impatient())
    assert status.code == "interrupted"
    assert moments.count == 2


def test_error_in_a_member_is_the_error_of_all():
    def task(index, stop, update):
        if index == 0:
            raise ValueError("member 0 is broken")
        return full(index)

    with pytest.raises(ValueError, match="member 0 is broken"):
        gather(task)


def test_error_in_a_late_member_stops_the_early_ones():
    told = []

    def task(index, stop, update):
        if index == 1:
            raise ValueError("member 1 is broken")
        told.append(wait_for_stop(stop, seconds=2.0))
        return full(index)

    with pytest.raises(ValueError, match="member 1 is broken"):
        gather(task, members=2)
    assert told == [True], "member 0 went on for as long as it liked"
