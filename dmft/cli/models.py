"""``dmft models``: what can be solved, and all about one model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from .model_command import all_parts
from .options import complete_slug, plain
from .report import WIDTH, hanging, print_json, table

if TYPE_CHECKING:
    from ..parameters import Parameter
    from ..results.curve import Observable
    from ..theory.base import Model

#: What to do with a model.
TRY = (("solve", ""), ("compare", ""), ("solve", " --help"))
HEADINGS = {"parameters": "Parameters", "method": "Options of the method", "simulation": "Options of the simulation"}


@click.command(name="models", short_help="List the models, or all about one.")
@click.argument("slug", required=False, shell_complete=complete_slug)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("-v", "--verbose", is_flag=True, help="A traceback for unexpected errors.")
def command(slug: str | None, as_json: bool, verbose: bool) -> int:
    """List all models by family, or all about the model SLUG."""
    from ..theory.registry import find, models

    if slug is None:
        known = models()
        if as_json:
            print_json(
                {"models": [{"slug": key, "family": family(key), "title": cls.title} for key, cls in known.items()]}
            )
        else:
            click.echo("\n".join(family_lines(known)))
    elif as_json:
        print_json(model_object(find(slug)))
    else:
        click.echo("\n".join(model_lines(find(slug))))
    return 0


def family(slug: str) -> str:
    """The part of a slug before the variant."""
    return slug.partition("/")[0]


def variants(slug: str) -> list[str]:
    """The other models of the same family."""
    from ..theory.registry import models

    return [other for other in models() if family(other) == family(slug) and other != slug]


def family_lines(known: dict[str, type[Model]]) -> list[str]:
    """Slugs and titles, an empty line between families."""
    width = max(len(slug) for slug in known)
    lines: list[str] = []
    last = ""
    for slug, cls in known.items():
        if family(slug) != last and lines:
            lines.append("")
        last = family(slug)
        lines.append(f"{slug:<{width}}  {cls.title}")
    return [*lines, "", "dmft models SLUG tells parameters, observables and references."]


def model_object(model: type[Model]) -> dict[str, Any]:
    """All declarations of a model for JSON."""
    return {
        "slug": model.slug,
        "title": model.title,
        **{part: [_parameter(item) for item in cls.declared()] for part, cls in all_parts(model).items()},
        "observables": [
            {
                "name": item.name,
                "symbol": item.symbol,
                "long_name": item.long_name,
                "dims": list(item.dims),
                "unit": item.unit,
            }
            for item in model.observables
        ],
        "variants": variants(model.slug),
        "references": list(model.references),
    }


def _parameter(item: Parameter) -> dict[str, Any]:
    return {
        "name": item.name,
        "option": item.option,
        "symbol": item.symbol,
        "doc": item.doc,
        "default": item.default,
        "allowed": item.allowed,
        "choices": list(item.choices),
        "unit": item.unit,
    }


def model_lines(model: type[Model]) -> list[str]:
    """All declarations of a model for people."""
    lines = hanging(f"{model.slug}: {model.title}", "", "  ")
    for part, cls in all_parts(model).items():
        lines += ["", HEADINGS[part], *_parameter_lines(cls.declared(), model)]
    lines += ["", "Observables", *_observable_lines(model.observables)]
    others = variants(model.slug)
    if others:
        lines += ["", "Same family", *(f"  {slug}" for slug in others)]
    if model.references:
        lines += ["", "References", *(line for source in model.references for line in hanging(source, "  ", "    "))]
    return [*lines, "", "Try", *(f"  dmft {name} {model.slug}{more}" for name, more in TRY)]


def _parameter_lines(items: tuple[Parameter, ...], model: type[Model]) -> list[str]:
    rows = []
    for item in items:
        default, doc = "-" if item.default is None else plain(item.default), item.doc
        if item.name == "size" and item.symbol == "N":  # of the simulation: each model has its own
            default, doc = str(model().default_sizes()[-1]), model.size_means
        unit = f" [{item.unit}]" if item.unit else ""
        rows.append((item.option, item.symbol, default, f"{doc}{unit}; {item.allowed}"))
    return folded(rows) or ["  none"]


def _observable_lines(items: tuple[Observable, ...]) -> list[str]:
    rows = []
    for item in items:
        unit = "" if item.unit in ("", "1") else f" [{item.unit}]"
        axes = f"({', '.join(item.dims)})" if item.dims else "scalar"
        rows.append((item.name, item.symbol, axes, f"{item.long_name}{unit}"))
    return folded(rows)


def folded(rows: Sequence[Sequence[str]]) -> list[str]:
    """A table whose last column goes on in further lines where it is wider than the screen."""
    lines = table(rows)
    indent = min((len(line) - len(row[-1]) for line, row in zip(lines, rows, strict=True)), default=0)
    return [part for line in lines for part in hanging(line.lstrip(), "  ", " " * min(indent, WIDTH - 40))]
