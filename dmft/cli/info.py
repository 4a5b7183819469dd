"""``dmft info``: what is in a file, or what this machine offers."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .group import check_threads
from .report import WIDTH, print_json, run_lines, run_object, seconds, sweep_lines, sweep_object, table

if TYPE_CHECKING:
    from ..results.phase import PhaseDiagram
    from ..results.run import Run

#: Lines of a screen, and the most of scalars, of curves and of parameters of a run: all fits on it.
SCREEN = 24
SCALARS, CURVES, PARAMETERS = 5, 2, 2


@click.command(name="info", short_help="Summarise a file, or this machine.")
@click.argument("file", required=False, type=click.Path(path_type=Path, readable=False))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("-v", "--verbose", is_flag=True, help="All about FILE, and a traceback for unexpected errors.")
def command(file: Path | None, as_json: bool, verbose: bool) -> int:
    """Summarise FILE on one screen; without FILE tell versions, threads, memory and backends of this machine."""
    if file is None:
        check_threads()
        facts = machine()
        if as_json:
            print_json(facts)
        else:
            click.echo("\n".join(table([(name, _text(value)) for name, value in facts.items()], indent=0)))
        return 0
    from ..api import load
    from ..results.run import Run

    run = load(file)
    if not isinstance(run, Run):
        if as_json:
            print_json({**sweep_object(run, file), "provenance": run.provenance})
        else:
            click.echo("\n".join(sweep_file_lines(run, whole=verbose)))
    elif as_json:
        print_json({**run_object(run, file), "provenance": run.provenance})
    else:
        click.echo("\n".join(file_lines(run, whole=verbose)))
    return 0


def file_lines(run: Run, *, whole: bool = False) -> list[str]:
    """A run on one screen, or the `whole` of it."""
    lines = [*run_lines(run, _title(run), None if whole else SCALARS), ""]
    parts = [(name, getattr(run, name)) for name in ("theory", "simulation") if getattr(run, name) is not None]
    for name, solution in parts:
        curves = [f"{key}({', '.join(curve.dims)})" for key, curve in solution.items() if curve.dims]
        lines += _wrapped(name, curves, None if whole else CURVES // len(parts))
    return lines + _origin(run, whole)


def sweep_file_lines(diagram: PhaseDiagram, *, whole: bool = False) -> list[str]:
    """A phase diagram on one screen, or the `whole` of it."""
    from ..results.solution import PARTS

    lines = [""]
    for part in PARTS:
        solution = getattr(diagram, part)
        if solution is not None:
            names = [f"{name}({', '.join(curve.dims)})" for name, curve in solution.items()]
            lines += _wrapped(part, names, None if whole else 1)
    for failure in diagram.failures if whole else diagram.failures[:2]:
        where = ",".join(f"{name}={value}" for name, value in failure["point"].items())
        lines += _wrapped("failed", [where, *str(failure["error"]).split()], None if whole else 1)
    lines += _origin(diagram, whole)
    room = max(SCALARS, SCREEN - len(lines) - len(diagram.coordinates) - 4)
    return [*sweep_lines(diagram, _title(diagram), None if whole else room), *lines]


def _origin(run: Run | PhaseDiagram, whole: bool) -> list[str]:
    """Parameters, options and where a result comes from; on one screen what differs from the defaults comes first."""
    facts = run.provenance
    named = list(run.parameters.items())
    changed = [item for item in named if item[1] != _defaults(run.model).get(item[0], item[1])]
    first = [*changed, *(item for item in named if item not in changed)]
    lines = _wrapped("parameters", [f"{name}={value}" for name, value in first], None if whole else PARAMETERS)
    method = [f"{name}={value}" for name, value in run.method.items()]
    lines += _wrapped("method", method or ["no options"], None if whole else 1)
    if whole:
        lines += _wrapped("versions", [f"{name} {value}" for name, value in facts.get("versions", {}).items()])
    made = f"{facts.get('created', 'unknown')} in {seconds(facts.get('wall_time', 0.0))}"
    version = facts.get("versions", {}).get("dmft")
    lines += _wrapped("made", [made + (f" by dmft {version}" if version else "")])
    lines += _wrapped("command", (facts.get("command") or "from Python").split(), None if whole else 1)
    if whole:
        return lines + [line for source in run.references for line in _wrapped("reference", source.split())]
    return lines + _wrapped("references", [_identifier(source) for source in run.references], 1)


def _identifier(source: str) -> str:
    """The arXiv number of a reference, else all of it."""
    found = re.search(r"arXiv:[\w./-]+", source)
    return found.group(0) if found else source


def _defaults(slug: str) -> dict[str, Any]:
    """Default values of the parameters of a model; none of one that is not installed here."""
    from ..errors import UnknownNameError
    from ..theory.registry import find

    try:
        return find(slug)().as_dict()
    except UnknownNameError:
        return {}


def _title(run: Run | PhaseDiagram) -> str:
    from ..errors import UnknownNameError
    from ..theory.registry import find

    try:
        return find(run.model).title
    except UnknownNameError:  # a plug-in's model that is not installed here
        return "a model that is not installed here"


def _wrapped(label: str, words: list[str], most: int | None = None) -> list[str]:
    """Words after a label, continued on indented lines, at `most` so many; no word is split."""
    lines: list[str] = []
    line = f"{label:<12}"
    for count, word in enumerate(words):
        more = f"… and {len(words) - count} more"
        last = most is not None and len(lines) == most - 1
        room = WIDTH - (len(more) + 1 if last and count < len(words) - 1 else 0)
        if len(line) + len(word) > room and line.strip() != label:
            if last:
                return [*lines, line + more]
            lines.append(line.rstrip())
            line = " " * 12
        line += word + " "
    return [*lines, line.rstrip()]


def machine() -> dict[str, Any]:
    """Versions, threads, memory, backends and cache."""
    import numba

    from .. import __version__
    from ..results.provenance import provenance
    from ..solvers.memory import available_memory, readable

    origin = provenance(0.0)
    return {
        "dmft": __version__,
        "versions": {name: value for name, value in origin["versions"].items() if name != "dmft"},
        "platform": origin["platform"],
        "cores": os.cpu_count(),
        "threads": int(numba.config.NUMBA_NUM_THREADS),
        "memory": readable(available_memory()) + " available",
        "backends": {name: _backend(name) for name in ("numpy", "cupy")},
        "cache": str(numba.config.CACHE_DIR or Path(__file__).parents[1] / "*" / "__pycache__"),
        "package": str(Path(__file__).parents[1]),
    }


def _backend(name: str) -> str:
    from ..errors import BackendError
    from ..simulation.backend import get_backend

    try:
        get_backend(name)
    except BackendError as error:
        return str(error)
    return "usable"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    return str(value)
