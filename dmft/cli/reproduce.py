"""``dmft reproduce``: whole papers again, with a verdict on every claim."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from .console import Console
from .group import check_threads
from .report import print_json, seconds, table

if TYPE_CHECKING:
    from ..reproduction.reproduce import Reproduction


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Families, slugs and ids for the shell."""
    from ..reproduction.catalog import recipes

    known = recipes().values()
    names = dict.fromkeys(name for item in known for name in (item.family, item.slug, item.id))
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command(name="reproduce", short_help="Reproduce papers: figures, and a verdict on every claim.")
@click.argument("slugs", nargs=-1, metavar="[NAME]...", shell_complete=_complete)
@click.option("--fast/--full", "fast", default=True, help="Small sizes, minutes (default), or those of a publication.")
@click.option("-o", "name", default="reproduction", metavar="DIR", help="Folder for results  [default reproduction]")
@click.option("--jobs", type=click.IntRange(1, 4096), metavar="N", help="Local processes (default: the cores).")
@click.option("--force", is_flag=True, help="Calculate anew what is there already.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout in place of the table.")
@click.option("--dry-run", is_flag=True, help="Tell recipes, memory and time; calculate nothing.")
@click.option("-q", "--quiet", is_flag=True, help="No warnings and no progress bar.")
@click.option("-v", "--verbose", is_flag=True, help="A traceback for unexpected errors.")
@click.pass_obj
def command(
    command_line: str, slugs: tuple[str, ...], fast: bool, name: str, jobs: int | None, force: bool, as_json: bool,
    dry_run: bool, quiet: bool, verbose: bool,
) -> int:  # fmt: skip
    """Do what papers claim, and report which claims are confirmed.

    NAME is a family with all its variants (sgd), a slug (sgd/ridge) or one recipe (sgd/ridge:loss); without it
    everything is done. DIR gets results (HDF5), figures (PDF, PNG), results.json, report.html and report.md.
    The same command again does only what is missing.

    Exit codes: 4 if a claim fails that held before, or is expected to; 1 if a recipe ended in an error, 3 if one did
    not converge (the others are done).

    Example: dmft reproduce lamb group-norm -o papers
    """
    from ..reproduction.reproduce import reproduce

    check_threads()
    console = Console(quiet, verbose)
    console.filter_warnings()
    if dry_run:
        return tell_needs(slugs, Path(name), not fast, jobs, as_json)
    with console.bar() as progress:
        done = reproduce(slugs, name, full=not fast, jobs=jobs, force=force, progress=progress, command=command_line)
    if as_json:
        print_json(reproduction_object(done))
    else:
        click.echo("\n".join(reproduction_lines(done)))
    for entry in done.entries:
        if entry["regression"]:
            console.warn(f"{entry['id']} is {entry['verdict']}, but {entry['regression']}")
        elif entry["message"] and entry["verdict"] != "not run":
            console.warn(f"{entry['id']}: {entry['message']}")
    if done.missing:
        console.warn(f"interrupted, {len(done.missing)} claims are left: the same command does them")
    return done.exit_code


def reproduction_lines(done: Reproduction) -> list[str]:
    """A line for each recipe, then the sum and the files."""
    rows = [("recipe", "verdict", "max |z|", "relative error", "time")]
    for entry in done.entries:
        z, error = ("" if entry[key] is None else f"{entry[key]:.2g}" for key in ("max_z", "relative_error"))
        time = f"{entry['seconds']:.1f} s" if entry["seconds"] else ""
        rows.append((entry["id"], entry["verdict"], z, error, time))
    counts = ", ".join(f"{number} {name}" for name, number in done.counts.items())
    return [*table(rows, indent=0), "", counts or "nothing was judged", *table([("report", str(done.html))])]


def reproduction_object(done: Reproduction) -> dict[str, Any]:
    """The JSON object."""
    return {
        "counts": done.counts,
        "recipes": list(done.entries),
        "missing": list(done.missing),
        "folder": str(done.folder),
        "file": str(done.html),
    }


def tell_needs(names: tuple[str, ...], path: Path, full: bool, jobs: int | None, as_json: bool) -> int:
    """Print recipes, memory and time; nothing is calculated."""
    from ..reproduction.reproduce import needs
    from ..solvers.memory import available_memory, readable

    found = needs(names, path, full, jobs)
    if as_json:
        print_json({**found, "memory_available": available_memory()})
        return 0
    rows = [("recipe", "memory", "time", "")]
    rows += [
        (item["id"], readable(item["memory"]), seconds(item["seconds"]), item["note"]) for item in found["recipes"]
    ]
    total = [
        ("claims", str(len(found["recipes"]))),
        (
            "memory",
            f"{readable(found['memory'])} of {readable(available_memory())} available, {found['jobs']} processes",
        ),
        ("time", f"about {seconds(found['seconds'])} (what recipes share is done once)"),
        ("folder", str(path)),
    ]
    click.echo("\n".join([*table(rows, indent=0), "", *table(total)]))
    return 0
