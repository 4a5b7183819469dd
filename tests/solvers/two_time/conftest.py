"""Progress bars that interrupt or that count."""

from __future__ import annotations

import pytest

from dmft.results.progress import Progress


class Impatient(Progress):
    """Ctrl-C after so many units of work."""

    def __init__(self, patience: float) -> None:
        self.left = patience

    def update(self, done: float) -> None:
        self.left -= done
        if self.left < 0.0:
            raise KeyboardInterrupt


class Count(Progress):
    """Adds up what is announced and what is done."""

    total = done = 0.0

    def start(self, label: str, total: float) -> None:
        assert self.done == pytest.approx(self.total)
        self.total += total

    def update(self, done: float) -> None:
        assert done >= 0.0
        self.done += done


@pytest.fixture
def impatient():
    return Impatient


@pytest.fixture
def count():
    return Count()
