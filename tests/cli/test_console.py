"""The progress bar and the numbers of the tables."""

from __future__ import annotations

import io
import threading
import time
from types import SimpleNamespace

import pytest

from dmft.cli import console
from dmft.cli.report import seconds, table
from dmft.results.numbers import number


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch):
    made = Terminal()
    monkeypatch.setattr(console, "sys", SimpleNamespace(stderr=made))  # pytest owns the true sys.stderr
    return made


def work(bar, threads=1, updates=40):
    """Report from several threads at once."""
    bar.start("marching", float(threads * updates))
    workers = [threading.Thread(target=lambda: [bar.update(1.0) for _ in range(updates)]) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def test_bar_with_remaining_time(terminal, monkeypatch):
    monkeypatch.setattr(console, "DELAY", 0.0)
    with console.Console().bar() as bar:
        work(bar)
    assert "marching:" in terminal.getvalue()
    assert "left" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")  # nothing stays on the screen


def test_short_work_shows_no_bar(terminal):
    with console.Console().bar() as bar:
        work(bar)
    assert terminal.getvalue() == ""


def test_quiet_shows_no_bar(terminal, monkeypatch):
    monkeypatch.setattr(console, "DELAY", 0.0)
    with console.Console(quiet=True).bar() as bar:
        work(bar)
    assert terminal.getvalue() == ""


def test_no_report_is_lost_between_threads(terminal):
    with console.Console().bar() as bar:
        work(bar, threads=4, updates=2000)
        assert bar._bar.n == 8000.0


def test_several_tasks_one_after_the_other(terminal):
    with console.Console().bar() as bar:
        for _ in range(2):
            work(bar)
            bar.finish()
        bar.update(1.0)  # after the end: ignored


@pytest.mark.parametrize("jump", [-3e8, 3e8])
def test_bar_does_not_mind_a_wall_clock_that_jumps(terminal, monkeypatch, jump):
    import tqdm.std

    monkeypatch.setattr(console, "DELAY", 0.0)
    with console.Console().bar() as bar:
        bar.start("x", 2.0)
        monkeypatch.setattr(tqdm.std, "time", lambda: time.time() + jump)
        bar.update(1.0)
        bar._bar.refresh()
        assert "00:00 elapsed" in terminal.getvalue().split("\r")[-1]


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [
        (1.003694, 0.000174, "1.00369 ± 0.00017"),
        (-0.5, 0.0123, "-0.500 ± 0.012"),
        (12.3456789, None, "12.3457"),
        (0.5, 0.0, "0.5"),
        (0.5, float("nan"), "0.5"),
        (float("nan"), 0.1, "nan"),
        (1.234e20, 3.2e18, "1.234e+20 ± 3.2e+18"),
        (1.5, 2.5e-14, "1.5 ± 2.5e-14"),
        (123.4, 25.0, "123 ± 25"),
        (1.23456, 0.012, "1.235 ± 0.012"),
    ],
)
def test_numbers(value, stderr, text):
    assert number(value, stderr) == text


def test_durations():
    assert [seconds(value) for value in (0.01234, 12.0, 600.0, 7200.0)] == ["0.012 s", "12 s", "10 min", "2.0 h"]
    assert seconds(3.6e300) == "1e+297 h"


def test_table_aligns_columns():
    assert table([("a", "1"), ("long", "2")]) == ["  a     1", "  long  2"]
    assert table([]) == []
