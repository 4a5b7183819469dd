"""A click command whose options come from the declarations of the model that its arguments name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import DMFTError
from ..parameters import Declared
from .config import Config, gather
from .group import check_threads
from .options import PREFIX, DeclaredOption

if TYPE_CHECKING:
    from ..theory.base import Model

TITLES = {
    "parameters": "Parameters of {slug}",
    "method": "Options of the method",
    "simulation": "Options of the simulation",
}
RUN_SUFFIXES = (".h5", ".hdf5")
Values = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Selection:
    """What the arguments are about, known before they are parsed.

    Attributes
    ----------
    model : type of Model
        Chosen by SLUG, else by the config file, else the default.
    run : Path or None
        A file of results given in place of SLUG.
    wanted : dict
        Declarations of the parts whose options the command has.
    known : dict
        Declarations of all parts of the model; empty for a file.
    """

    model: type[Model]
    run: Path | None
    config: Config
    wanted: dict[str, type[Declared]]
    known: dict[str, type[Declared]]


def all_parts(model: type[Model]) -> dict[str, type[Declared]]:
    """Everything that is declared for a model."""
    from ..simulation.method import Simulation

    return {"parameters": model, "method": model.method, "simulation": Simulation}


class ModelCommand(click.Command):
    """Finds SLUG among the arguments first, then parses them with the options of that model.

    The callback gets the :class:`Selection` and, as ``values``, the raw values by part from config file,
    ``--set`` and options together.

    Parameters
    ----------
    parts : sequence of str
        Parts of :data:`dmft.cli.config.PARTS` that this command has options of.
    takes_run : bool
        A file of results may stand in place of SLUG; it brings model and theory.
    helps : dict, optional
        Placeholder and help that differ from the declaration's, by parameter name.
    """

    def __init__(
        self,
        *args: Any,
        parts: Sequence[str],
        takes_run: bool = False,
        helps: Mapping[str, tuple[str, str]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.parts, self.takes_run, self.helps = parts, takes_run, helps or {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        selection = self._select(ctx, args)
        ctx.meta["dmft.selection"] = selection
        ctx.meta["dmft.groups"] = self._groups(selection)
        rest = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:
            given = {name: ctx.params.pop(name) for name in list(ctx.params) if name.startswith(PREFIX)}
            options = {name[len(PREFIX) :]: value for name, value in given.items() if value is not None}
            ctx.meta["dmft.given"] = [PREFIX + name for name in options]
            sets = ctx.params.pop("sets")
            ctx.params = {name: value for name, value in ctx.params.items() if name not in ("slug", "config")}
            values = gather(selection.wanted, selection.known, selection.config, sets, options)
            ctx.params.update(selection=selection, values=values)
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        check_threads()
        return super().invoke(ctx)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        groups: dict[str, list[DeclaredOption]] = ctx.meta.get("dmft.groups", {})
        return [*super().get_params(ctx), *(option for group in groups.values() for option in group)]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        model = ctx.meta["dmft.selection"].model
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(f"Model {model.slug}: {model.title}. 'dmft models' lists the others.")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[click.Parameter]] = dict(ctx.meta["dmft.groups"])
        groups["Output and control"] = [item for item in super().get_params(ctx) if isinstance(item, click.Option)]
        for title, options in groups.items():
            records = [record for record in (option.get_help_record(ctx) for option in options) if record]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def _select(self, ctx: click.Context, args: Sequence[str]) -> Selection:
        from ..theory.registry import DEFAULT_SLUG, find

        try:
            name, config_path = scan(args, *self._own_options())
            config = Config() if config_path is None else Config.read(config_path)
            if name is None:
                name = DEFAULT_SLUG if config.model is None else config.model
            if self.takes_run and name.endswith(RUN_SUFFIXES):
                model = find(DEFAULT_SLUG)  # only for its simulation options: the model is in the file
                return Selection(model, Path(name), config, {"simulation": all_parts(model)["simulation"]}, {})
            model = find(name)
        except (DMFTError, click.UsageError):
            if not ctx.resilient_parsing:
                raise
            model, config = find(DEFAULT_SLUG), Config()
        ctx.meta["dmft.slug"] = "" if model.slug == DEFAULT_SLUG else model.slug
        known = all_parts(model)
        return Selection(model, None, config, {part: known[part] for part in self.parts}, known)

    def _groups(self, selection: Selection) -> dict[str, list[DeclaredOption]]:
        """Options by title; one that several parts declare (seed) stands once and serves all."""
        seen: set[str] = set()
        groups: dict[str, list[DeclaredOption]] = {}
        for part, cls in selection.wanted.items():
            new = [item for item in cls.declared() if item.name not in seen]
            seen |= {item.name for item in new}
            title = TITLES[part].format(slug=selection.model.slug)
            groups[title] = [DeclaredOption(item, *self._help(item.name, selection)) for item in new]
        return groups

    def _help(self, name: str, selection: Selection) -> tuple[str, ...]:
        if name not in self.helps:
            return ()
        sizes = ["those of the model"] if selection.run else [str(size) for size in selection.model().default_sizes()]
        meaning = "size, as the model of the file counts it" if selection.run else selection.model.size_means
        return tuple(text.format(sizes=",".join(sizes), size=sizes[-1], meaning=meaning) for text in self.helps[name])

    def _own_options(self) -> tuple[set[str], set[str]]:
        """Names of all flags (with those of every model), and of the short options that take a value."""
        from ..theory.registry import models

        flags, short = {"-h", "--help"}, set()
        for item in self.params:
            if isinstance(item, click.Option):
                names = {*item.opts, *item.secondary_opts}
                if item.is_flag:
                    flags |= names
                else:
                    short |= {name for name in names if not name.startswith("--")}
        for model in models().values():
            for cls in all_parts(model).values():
                declared = [item.option for item in cls.declared() if item.kind is bool]
                flags |= {*declared, *(f"--no-{name[2:]}" for name in declared)}
        return flags, short


def scan(args: Sequence[str], flags: set[str], short: set[str]) -> tuple[str | None, str | None]:
    """The first positional argument and the value of ``--config``, before the options are known.

    Any long option that is no flag takes the next word unless it has ``=value`` attached.
    """
    letters = "".join(name[1] for name in flags if not name.startswith("--"))
    first: str | None = None
    config: str | None = None
    words = iter(args)
    for word in words:
        if word == "--":
            return (next(words, None) if first is None else first), config
        if not word.startswith("-"):
            first = word if first is None else first
            continue
        name, equals, value = word.partition("=")
        long = word.startswith("--") and not equals and name not in flags
        if long or "-" + word[1:].lstrip(letters) in short:  # -qo NAME
            following = next(words, None)
            if following is None:
                break  # click tells that the value is missing
            if following.startswith("--"):  # click would take the next option as the value
                raise click.BadOptionUsage(name, f"Option {name!r} requires an argument.")
            value = following
        if name == "--config":
            config = value
    return first, config
