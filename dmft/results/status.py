"""How a calculation or a sweep ended, in one word and one sentence that says what to do."""

from __future__ import annotations

from dataclasses import dataclass

CONVERGED = "converged"
NOT_CONVERGED = "not_converged"
DIVERGED = "diverged"
INTERRUPTED = "interrupted"
#: Of a sweep: every point done; some raised an error.
COMPLETE, FAILED = "complete", "failed"

#: From best to worst; a run is as good as its worst part.
ORDER = (CONVERGED, INTERRUPTED, NOT_CONVERGED, DIVERGED)
#: State of a point of a sweep, by the number in ``PhaseDiagram.states``.
STATES = ("missing", CONVERGED, NOT_CONVERGED, DIVERGED, FAILED)


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


@dataclass(frozen=True)
class SweepStatus:
    """End state of a sweep: ``complete``, ``failed`` (some points raised an error) or ``interrupted``."""

    code: str
    message: str

    @property
    def success(self) -> bool:
        """True if every point has been calculated."""
        return self.code == COMPLETE

    @property
    def exit_code(self) -> int:
        """Exit code of the command line: 0, 5 (failed points) or 130 (interrupted)."""
        return {COMPLETE: 0, FAILED: 5, INTERRUPTED: 130}[self.code]


def worst(*statuses: Status) -> Status:
    """The worst of several statuses."""
    return max(statuses, key=lambda status: ORDER.index(status.code))
