"""Options made from declarations, and those that every calculation has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

from ..parameters import Parameter

#: Prefix of the names under which click keeps declared options: no clash with those of the command itself.
PREFIX = "declared_"
METAVARS = {float: "NUMBER", int: "INTEGER", str: "TEXT"}


class DeclaredOption(click.Option):
    """The option of one declared parameter; its value is validated by the declaration, not by click."""

    def __init__(self, parameter: Parameter, metavar: str | None = None, text: str | None = None) -> None:
        self.parameter = parameter
        flag = parameter.kind is bool
        name = parameter.option + (f"/--no-{parameter.option[2:]}" if flag else "")
        usual = "NAME" if parameter.choices else METAVARS.get(parameter.kind)
        kwargs: dict[str, Any] = {} if flag else {"type": str, "metavar": metavar or usual}
        super().__init__([name, PREFIX + parameter.name], default=None, help=text or describe(parameter), **kwargs)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(choice) for choice in self.parameter.choices if choice.startswith(incomplete)]


def describe(parameter: Parameter) -> str:
    """Symbol, meaning, default and allowed values in one line of help."""
    symbol = parameter.symbol if parameter.symbol not in ("", parameter.name) else ""
    notes = [] if parameter.default is None else [f"default {plain(parameter.default)}"]
    if parameter.choices:
        notes.append("one of " + ", ".join(parameter.choices))
    elif parameter.bounds and parameter.bounds.text != "(-inf, inf)":
        notes.append(f"in {parameter.bounds.text}")
    unit = f" ({parameter.unit})" if parameter.unit else ""
    return f"{symbol + ': ' if symbol else ''}{parameter.doc}{unit}" + (f"  [{'; '.join(notes)}]" if notes else "")


def plain(value: Any) -> str:
    """A default as one would type it."""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def complete_slug(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Slugs for the shell."""
    from ..theory.registry import models

    return [CompletionItem(slug, help=cls.title) for slug, cls in models().items() if slug.startswith(incomplete)]


def complete_slug_or_file(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Slugs and files for the shell."""
    return [*complete_slug(ctx, param, incomplete), CompletionItem(incomplete, type="file")]


def complete_key(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """``NAME=`` of the parameters and options of the model for the shell, and the values behind it."""
    declared = {item.name: item for cls in ctx.meta["dmft.selection"].wanted.values() for item in cls.declared()}
    name, equals, start = incomplete.partition("=")
    if equals:
        choices = declared[name].choices if name in declared else ()
        return [CompletionItem(f"{name}={choice}") for choice in choices if choice.startswith(start)]
    return [CompletionItem(f"{key}=", help=item.doc) for key, item in declared.items() if key.startswith(incomplete)]


def common_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options that every calculation has."""
    options = (
        click.option("-o", "name", metavar="NAME.h5", help="Results go to NAME.h5 and the figure to NAME.pdf."),
        click.option("--force", is_flag=True, help="Replace existing files."),
        click.option("--figure/--no-figure", default=True, help="Write the figure (default) or not."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout in place of the table."),
        click.option("--config", metavar="RUN.toml", type=click.Path(), help="Read values from a TOML file."),
        click.option(
            "--set",
            "sets",
            multiple=True,
            metavar="KEY=VALUE",
            shell_complete=complete_key,
            help="Set one value; may be repeated.",
        ),
        click.option("--dry-run", is_flag=True, help="Tell memory, time and file names; calculate nothing."),
        click.option("-q", "--quiet", is_flag=True, help="No warnings and no progress bar."),
        click.option("-v", "--verbose", is_flag=True, help="Diagnostics, and a traceback for unexpected errors."),
    )
    for option in reversed(options):
        function = option(function)
    return function
