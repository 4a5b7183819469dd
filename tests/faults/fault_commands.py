"""The commands under fire, all small: one row for each, and a new command needs no more than a row."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

REPRODUCE = "reproduce lamb/schedule:recipe --jobs 1 -o papers"
SWEEP = "sweep sgd/ridge --over alpha=1:3:4 --steps 5 --jobs 1 -o phase.h5"


@dataclass(frozen=True)
class Command:
    """A command, what must be there before it, what it leaves, and what is typed after a fault.

    A file may be a pattern that fits exactly one: the name may tell the version of the code.
    """

    name: str
    line: str
    files: tuple[str, ...]
    before: tuple[str, ...] = ()
    again: str = ""
    starts_workers: bool = field(default=False)

    @property
    def words(self) -> list[str]:
        return shlex.split(self.line)

    @property
    def recovery(self) -> list[str]:
        """The same with ``--force``, unless the same command resumes by itself."""
        return shlex.split(self.again) if self.again else [*self.words, "--force"]


COMMANDS = (
    Command("solve", "solve sgd/ridge --steps 8 -o run.h5", ("run.h5", "run.pdf")),
    Command("simulate", "simulate sgd/ridge --steps 5 --size 60 --replicas 2 -o run.h5", ("run.h5", "run.pdf")),
    Command("compare", "compare sgd/ridge --steps 5 --size 40,60 --replicas 3 -o run.h5", ("run.h5", "run.pdf")),
    Command("plot", "plot run.h5 -o figure.pdf", ("figure.pdf",), ("solve sgd/ridge --steps 8 -o run.h5 --no-figure",)),
    Command("plot of a sweep", "plot phase.h5 -o map.png", ("map.png",), (f"{SWEEP} --no-figure",)),
    Command("sweep", SWEEP, ("phase.h5", "phase.pdf"), again=SWEEP, starts_workers=True),
    Command(
        "merge", f"{SWEEP} --shard 2/2", ("phase.h5", "phase.pdf"), (f"{SWEEP} --shard 1/2",),
        again=f"{SWEEP} --shard 2/2", starts_workers=True,
    ),
    Command("reproduce", REPRODUCE, ("papers/runs/*.h5", "papers/figures/*.pdf"), again=REPRODUCE, starts_workers=True),
)  # fmt: skip
