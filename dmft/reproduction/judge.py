"""From results to verdicts: one entry of ``results.json`` for each recipe."""

from __future__ import annotations

import math
import shlex
import traceback
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import DMFTError
from ..results.claims import VERDICTS, Outcome, verdict
from ..results.phase import PhaseDiagram
from ..results.run import Run
from ..sweeps.plan import Plan
from .entry import ERROR, FULL, SKIPPED, UNFINISHED, Entry
from .plan import Job, Planned, code_version
from .work import figure_paths, finished, run_path

Result = Run | PhaseDiagram


def judge(
    planned: Planned,
    folder: Path,
    waiting: Collection[str],
    errors: Mapping[str, str],
    mode: str,
    before: Entry | None,
) -> Entry | None:
    """The entry of a recipe; None while one of its tasks is not done.

    Parameters
    ----------
    waiting : set of str
        Stems of tasks that are to be done, whatever stands in their files.
    errors : dict
        Messages of tasks that failed, by the stem of their files.
    before : dict, optional
        The entry that an earlier call has left.
    """
    recipe = planned.recipe
    entry = describe(planned, mode)
    entry["earlier"] = _earlier(entry, before)
    messages = [planned.refused] if planned.refused else []
    messages += [f"{job.task.command} {job.task.slug}: {errors[job.stem]}" for job in _jobs(planned, errors)]
    if messages:
        return {**entry, "verdict": ERROR, "message": "; ".join(messages)}
    results: dict[str, Result] = {}
    for name, job in planned.jobs.items():
        result = None if job.stem in waiting else finished(folder, job.stem)
        if result is None:
            return None
        results[name] = result
    entry |= _facts(planned, results, folder)
    bad = [item.status for item in results.values() if not item.status.success]
    if bad:
        return {**entry, "verdict": UNFINISHED, "message": f"{bad[0].code}: {bad[0].message}"}
    try:
        outcomes = [check.judge(results) for check in recipe.checks]
    except Exception as error:  # whatever a check of somebody's own raises, the others are judged
        where = "" if isinstance(error, DMFTError) else f" ({traceback.extract_tb(error.__traceback__)[-1].name})"
        return {**entry, "verdict": ERROR, "message": f"{type(error).__name__}: {error}{where}"}
    entry |= {"verdict": verdict(outcomes), "checks": [_finite(item) for item in outcomes]}
    entry |= {"max_z": _largest(outcomes, "z"), "relative_error": _largest(outcomes, "relative_error")}
    return {**entry, "regression": _regression(entry)}


def describe(planned: Planned, mode: str) -> Entry:
    """What an entry tells before anything is calculated."""
    recipe = planned.recipe
    return {
        "id": recipe.id,
        "slug": recipe.slug,
        "family": recipe.family,
        "claim": recipe.claim,
        "reference": recipe.reference,
        "note": recipe.note,
        "mode": mode,
        "expected": recipe.expected,
        "earlier": "",
        "verdict": SKIPPED,
        "message": "",
        "checks": [],
        "max_z": None,
        "relative_error": None,
        "sizes": [],
        "seeds": sorted({seed for job in planned.jobs.values() for seed in job.seeds}),
        "seconds": 0.0,
        "commands": [shlex.join(task.at(mode == FULL).words()) for task in recipe.tasks],
        "stems": [job.stem for job in planned.jobs.values()],
        "runs": [],
        "figures": [],
        "regression": "",
        "code": code_version(),
        "judged": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _jobs(planned: Planned, errors: Mapping[str, str]) -> list[Job]:
    return [job for job in planned.jobs.values() if job.stem in errors]


def _facts(planned: Planned, results: Mapping[str, Result], folder: Path) -> Entry:
    """Sizes, time and files; paths are relative to the folder."""
    sizes: set[int] = set()
    for job in planned.jobs.values():
        sizes |= set(job.model.sizes) if isinstance(job.model, Plan) else {item.size for item in job.simulations}
    runs, figures = [], []
    for job in planned.jobs.values():
        runs.append(run_path(folder, job.stem).relative_to(folder).as_posix())
        png = figure_paths(folder, job.stem)[1]
        if png.exists():
            figures.append(png.relative_to(folder).as_posix())
    seconds = sum(float(item.provenance["wall_time"]) for item in results.values())
    return {"sizes": sorted(sizes), "seconds": seconds, "runs": runs, "figures": figures}


def _earlier(entry: Entry, before: Entry | None) -> str:
    """The best verdict of earlier calls in the same mode, if there was any: a second try is no excuse."""
    if before is None or before["mode"] != entry["mode"]:
        return ""
    found = {before["verdict"], before["earlier"]}
    return next((word for word in VERDICTS if word in found), "")


def _regression(entry: Entry) -> str:
    """Why this verdict is worse than it should be, if it is."""
    for wanted, words in ((entry["earlier"], "before"), (entry["expected"], "expected")):
        if wanted and VERDICTS.index(entry["verdict"]) > VERDICTS.index(wanted):
            return f"{wanted} {words}"
    return ""


def _largest(outcomes: list[Outcome], name: str) -> float | None:
    found = [value for item in outcomes if (value := getattr(item, name)) is not None and math.isfinite(value)]
    return max(found, default=None)


def _finite(outcome: Outcome) -> dict[str, Any]:
    """An outcome for JSON, which knows no infinity."""
    plain = outcome.plain()
    return {key: None if isinstance(item, float) and not math.isfinite(item) else item for key, item in plain.items()}
