"""How long calculations report what they have done. The command line passes a bar, Python nothing."""

from __future__ import annotations


class Progress:
    """Silent progress report; the command line overrides :meth:`update`."""

    def start(self, label: str, total: float) -> None:
        """Begin a task of `total` units of work."""

    def update(self, done: float) -> None:
        """Add `done` units."""

    def relabel(self, label: str) -> None:
        """Change the label of the task."""

    def finish(self) -> None:
        """End the task."""


SILENT = Progress()
