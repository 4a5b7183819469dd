"""The public function: calculate what is missing, judge every claim, write one report."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import OutputError, ParameterError
from ..results.claims import VERDICTS
from ..results.progress import SILENT, Progress
from ..results.provenance import provenance
from ..sweeps.executor import job_count
from ..sweeps.local import LocalPool
from ..sweeps.store import Store
from .catalog import recipes as all_recipes
from .catalog import select
from .entry import ERROR, FAST, FULL, SKIPPED, UNFINISHED, Entry
from .folder import Folder
from .judge import describe, judge
from .plan import Job, Planned, code_version, plan
from .report import write_reports
from .work import figure_paths, finished, part_path, run_path

DEFAULT_FOLDER = "reproduction"
#: The function that a worker calls.
WORK = "dmft.reproduction.work:run_task"
#: Seconds that every task takes beside its calculation: figure and file.
OVERHEAD = 1.0
REGRESSION = 4


@dataclass(frozen=True)
class Reproduction:
    """What a call has found.

    Attributes
    ----------
    folder : Path
        Where everything is.
    entries : tuple of dict
        The recipes of this call that have been judged, as in ``results.json``.
    missing : tuple of str
        Ids of those that have not: the call was interrupted.
    """

    folder: Path
    entries: tuple[Entry, ...]
    missing: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Number of recipes by verdict."""
        found = Counter(entry["verdict"] for entry in self.entries)
        return {name: found[name] for name in (*VERDICTS, UNFINISHED, ERROR, SKIPPED) if found[name]}

    @property
    def regressions(self) -> list[Entry]:
        """Recipes whose verdict is worse than it was, or than expected."""
        return [entry for entry in self.entries if entry["regression"]]

    @property
    def exit_code(self) -> int:
        """130 interrupted, 4 a claim fails that held, 1 an error, 3 not converged, else 0."""
        if self.missing:
            return 130
        if self.regressions:
            return REGRESSION
        counts = self.counts
        return 1 if ERROR in counts else 3 if UNFINISHED in counts else 0

    @property
    def html(self) -> Path:
        """The report as one page with all figures in it."""
        return self.folder / "report.html"

    @property
    def markdown(self) -> Path:
        """The report as text."""
        return self.folder / "report.md"


@dataclass
class _Work:
    """The state of a call: what has failed, what is judged."""

    folder: Folder
    planned: Sequence[Planned]
    mode: str
    command: str
    before: dict[str, Entry] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)

    def judge(self, items: Iterable[Planned]) -> None:
        """Judge those whose tasks are all done, and write the verdicts."""
        path, news = self.folder.path, False
        for item in items:
            key = item.recipe.id
            if key in self.entries:
                continue
            if item.recipe.long and self.mode == FAST:
                entry: Entry | None = {**describe(item, self.mode), "message": "long: only with --full"}
            else:
                entry = judge(item, path, self.waiting, self.errors, self.mode, self.before.get(key))
            if entry is not None:
                self.entries[key], news = entry, True
        if news:
            self.write()

    def write(self) -> None:
        """All verdicts of the folder; those of other calls stay."""
        merged = {**self.before, **self.entries}
        known = all_recipes()
        covered = {recipe.slug for recipe in known.values()}  # the others are those of a plug-in that is not here now
        order = [*known, *(key for key, entry in self.before.items() if entry["slug"] not in covered)]
        merged = {key: merged[key] for key in order if key in merged}
        facts = {**provenance(0.0), "command": self.command, "code": code_version()}
        del facts["wall_time"]
        self.folder.write(merged, **facts)

    def forget(self) -> None:
        """Remove files of earlier results in this mode that no entry needs any more.

        Those of the other mode stay, though their entry has gone: a look with ``--fast`` must not cost hours.
        """
        entries = self.folder.entries()
        needed = {stem for entry in entries.values() for stem in entry["stems"]}
        needed |= {job.stem for item in self.planned for job in item.jobs.values()}
        for entry in (item for item in self.before.values() if item["mode"] == self.mode):
            for stem in set(entry["stems"]) - needed:
                for path in (run_path(self.folder.path, stem), *figure_paths(self.folder.path, stem)):
                    path.unlink(missing_ok=True)


def reproduce(
    names: str | Iterable[str] = (),
    output: str | os.PathLike[str] = DEFAULT_FOLDER,
    *,
    full: bool = False,
    jobs: int | None = None,
    force: bool = False,
    progress: Progress = SILENT,
    command: str = "",
) -> Reproduction:
    """Carry out recipes and hold their results against the claims of the papers.

    Parameters
    ----------
    names : str or iterable of str
        Families (with all their variants), slugs, or ids of recipes; none: all.
    output : path
        A folder. What an earlier call has finished there, with the same code and parameters, is not done again.
    full : bool
        Sizes for publication, in hours; otherwise small ones, in minutes.
    jobs : int, optional
        Local processes, one thread each; default: the cores. Results do not depend on it.
    force : bool
        Calculate everything anew.
    progress : Progress, optional
        Receives what has been done.
    command : str
        The command line that the report names; empty in Python.

    Returns
    -------
    Reproduction

    Raises
    ------
    UnknownNameError, ParameterError, OutputError, StoreError, WorkerError

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     reproduce("lamb/schedule", folder, jobs=1).counts
    {'confirmed': 1}
    """
    if not isinstance(names, Iterable):
        raise ParameterError(f"names = {names!r} is not allowed: give a family, a slug, the id of a recipe, or a list")
    if not isinstance(output, (str, os.PathLike)):
        raise ParameterError(f"output = {output!r} is not allowed: give the name of a folder")
    chosen = select([names] if isinstance(names, str) else names)
    number = job_count(jobs)
    folder, mode = Folder(Path(output)), FULL if full else FAST
    with folder.opened():
        work = _Work(folder, plan(chosen, full), mode, command, before=folder.entries())
        missing = [job for job in wanted(work.planned, mode) if force or finished(folder.path, job.stem) is None]
        work.waiting |= {job.stem for job in missing}
        if force:  # points of a sweep that was interrupted; results stay until there are new ones
            for job in missing:
                Store(part_path(run_path(folder.path, job.stem))).remove()
        work.judge(work.planned)
        with suppress(KeyboardInterrupt):
            carry_out(work, missing, number, progress)
        work.write()
        work.forget()
        left = tuple(item.recipe.id for item in work.planned if item.recipe.id not in work.entries)
        write_reports(folder)
    entries = tuple(work.entries[item.recipe.id] for item in work.planned if item.recipe.id in work.entries)
    return Reproduction(folder.path, entries, left)


def wanted(planned: Iterable[Planned], mode: str) -> list[Job]:
    """Every job of this mode once."""
    found: dict[str, Job] = {}
    for item in planned:
        if mode == FULL or not item.recipe.long:
            found |= {job.stem: job for job in item.jobs.values()}
    return list(found.values())


def carry_out(work: _Work, missing: Sequence[Job], number: int, progress: Progress) -> None:
    """Do the jobs, the longest first, and judge after each what can be judged."""
    seconds = {job.stem: job.needs()["seconds"] + OVERHEAD for job in missing}
    order = sorted(missing, key=lambda job: -seconds[job.stem])
    points = [job.point(work.folder.path) for job in order]
    users: dict[str, list[Planned]] = {stem: [] for stem in seconds}
    for item in work.planned:
        for stem in {job.stem for job in item.jobs.values()} & set(users):
            users[stem].append(item)
    progress.start("reproducing", sum(seconds.values()))
    try:
        with closing(LocalPool(number, WORK)) as pool, closing(pool(points)) as outcomes:
            for point, outcome in outcomes:
                work.waiting.discard(point.name)
                if isinstance(outcome, str):
                    work.errors[point.name] = outcome
                elif b"disk" in outcome:
                    raise OutputError(json.loads(outcome)["disk"])
                work.judge(users[point.name])
                progress.update(seconds[point.name])
                progress.relabel(f"reproducing, {len(work.entries)} of {len(work.planned)} claims judged")
    finally:
        progress.finish()


def needs(names: Iterable[str], output: Path, full: bool, jobs: int | None) -> dict[str, Any]:
    """What :func:`reproduce` would do, with predicted ``memory`` in bytes and ``seconds``."""
    folder, mode = Folder(output), FULL if full else FAST
    folder.refuse_foreign()
    planned = plan(select(names), full)
    number = job_count(jobs)
    every = {job.stem: job for job in wanted(planned, mode)}
    todo = {stem: job.needs() for stem, job in every.items() if finished(output, stem) is None}
    rows = []
    for item in planned:
        mine = [todo[job.stem] for job in item.jobs.values() if job.stem in todo]
        skipped = item.recipe.long and not full
        note = item.refused or ("only with --full" if skipped else "" if mine else "done")
        rows.append({
            "id": item.recipe.id,
            "memory": max((part["memory"] for part in mine), default=0.0),
            "seconds": sum(part["seconds"] + OVERHEAD for part in mine),
            "note": note,
        })  # fmt: skip
    largest = sorted((part["memory"] for part in todo.values()), reverse=True)[:number]
    time = sum(part["seconds"] + OVERHEAD for part in todo.values()) / min(number, max(1, len(todo)))
    return {"recipes": rows, "memory": sum(largest), "seconds": time, "jobs": number, "mode": mode}
