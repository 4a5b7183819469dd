"""Recipes: what ``dmft reproduce`` calculates, and which claim of a paper it holds the result against. Plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import DMFTError
from ..results.claims import CONFIRMED, VERDICTS, Check

COMMANDS = ("solve", "simulate", "compare", "sweep")


@dataclass(frozen=True)
class Task:
    """One calculation: what one line of the command line does.

    Attributes
    ----------
    command : {"solve", "simulate", "compare", "sweep"}
    slug : str
        Model.
    options : dict
        Parameters of the model and numerical options by name, as in :func:`dmft.solve`.
    name : str
        What the checks of a recipe call it.
    full : dict
        Options of ``--full``, beside and in place of `options`.
    over : dict
        Of a sweep: names and values as text (``"0.5:4:15"``, ``".1,.3,1"``).
    full_over : dict
        Of a sweep with ``--full``.
    kind : str
        Of a sweep: ``theory``, ``simulation`` or ``comparison``.
    zipped : tuple of str
        Of a sweep: names that vary together, e.g. ``("steps,lags",)``.

    Examples
    --------
    >>> Task("compare", "lamb", {"size": [8, 16], "replicas": 8}).words()
    ['dmft', 'compare', 'lamb', '--size', '8,16', '--replicas', '8']
    """

    command: str
    slug: str
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    full: Mapping[str, Any] = field(default_factory=dict)
    over: Mapping[str, str] = field(default_factory=dict)
    full_over: Mapping[str, str] = field(default_factory=dict)
    kind: str = "theory"
    zipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.command not in COMMANDS:
            raise DMFTError(f"task of {self.slug!r}: command {self.command!r} is none of {', '.join(COMMANDS)}")
        if bool(self.over) != (self.command == "sweep"):
            raise DMFTError(f"task of {self.slug!r}: a sweep, and nothing else, says what it goes over")

    def at(self, full: bool) -> Task:
        """The task as it is done with ``--full`` or without."""
        options = {**self.options, **(self.full if full else {})}
        over = {**self.over, **(self.full_over if full else {})}
        return replace(self, options=options, over=over, full={}, full_over={})

    def words(self) -> list[str]:
        """The command line that does the same."""
        found = ["dmft", self.command, self.slug]
        for group in self.zipped:
            found += ["--zip", group]
        for name, values in self.over.items():
            found += ["--over", f"{name}={values}"]
        if self.command == "sweep" and self.kind != "theory":
            found += ["--kind", self.kind]
        for name, value in self.options.items():
            option = "--" + name.replace("_", "-")
            if isinstance(value, bool):
                found.append(option if value else f"--no-{option[2:]}")
            else:
                text = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
                found += [f"{option}={text}"] if text.startswith("-") else [option, text]
        return found


@dataclass(frozen=True)
class Recipe:
    """A claim, the calculations that can tell, and the statements that make the verdict.

    Attributes
    ----------
    slug : str
        The model that the claim is about.
    name : str
        Unique among the recipes of the model; both together, ``slug:name``, are its id.
    claim : str
        What the paper says, in one sentence.
    reference : str
        Where it says so.
    tasks : tuple of Task
    checks : tuple of Check
        All hold: ``confirmed``; some: ``partly``; none: ``not confirmed``.
    expected : str
        The verdict that was found before; a worse one is a regression.
    note : str
        Hypotheses, and where it fails.
    long : bool
        Done with ``--full`` only.
    """

    slug: str
    name: str
    claim: str
    reference: str
    tasks: Sequence[Task]
    checks: Sequence[Check]
    expected: str = CONFIRMED
    note: str = ""
    long: bool = False

    def __post_init__(self) -> None:
        if self.expected not in VERDICTS:
            raise DMFTError(f"recipe {self.id}: expected {self.expected!r} is none of {', '.join(VERDICTS)}")
        names = [task.name for task in self.tasks]
        if not self.tasks or not self.checks or len(set(names)) != len(names):
            raise DMFTError(f"recipe {self.id} needs checks, and tasks with names of their own")

    @property
    def id(self) -> str:
        """``slug:name``."""
        return f"{self.slug}:{self.name}"

    @property
    def family(self) -> str:
        """The part of the slug before the variant."""
        return self.slug.partition("/")[0]
