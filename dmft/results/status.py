"""How a calculation ended, in one word and one sentence that says what to do."""

from __future__ import annotations

from dataclasses import dataclass

CONVERGED = "converged"
NOT_CONVERGED = "not_converged"
DIVERGED = "diverged"
INTERRUPTED = "interrupted"

#: From best to worst; a run is as good as its worst part.
ORDER = (CONVERGED, INTERRUPTED, NOT_CONVERGED, DIVERGED)


@dataclass(frozen=True)
class Status:
    """End state: ``code`` is one of :data:`ORDER`, ``message`` a sentence."""

    code: str
    message: str

    @property
    def success(self) -> bool:
        """True if the result is complete."""
        return self.code == CONVERGED

    @property
    def exit_code(self) -> int:
        """Exit code of the command line: 0, 3 (not converged, diverged) or 130 (interrupted)."""
        return {CONVERGED: 0, INTERRUPTED: 130}.get(self.code, 3)

    def __str__(self) -> str:
        return self.code


def worst(*statuses: Status) -> Status:
    """The worst of several statuses."""
    return max(statuses, key=lambda status: ORDER.index(status.code))
