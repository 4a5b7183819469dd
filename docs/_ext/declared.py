"""Directives that print what the code declares, so that tables and help texts cannot go out of date.

``.. declared:: parameters sgd`` (or ``method sgd``, ``simulation``, ``observables sgd``) makes a table;
``.. declared:: references sgd`` the list of sources. ``.. dmft-commands::`` describes every command,
``.. dmft-models::`` every model, ``.. dmft-classes::`` their classes.
"""

from __future__ import annotations

import inspect
import re

import click
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from dmft.parameters import Declared, Parameter
from dmft.results.curve import Observable
from dmft.simulation.method import Simulation
from dmft.theory.base import Model
from dmft.theory.registry import find, models

Row = list[str]


def own_models() -> dict[str, type[Model]]:
    """The models of this package: others that are installed have documentation of their own."""
    return {slug: model for slug, model in models().items() if model.__module__.startswith("dmft.")}


def parameter_row(item: Parameter) -> Row:
    default = "–" if item.default is None else str(item.default)
    return [f"``{item.name}``", item.symbol, item.doc, default, item.allowed]


def observable_row(item: Observable) -> Row:
    return [f"``{item.name}``", item.symbol, item.long_name, ", ".join(item.dims) or "scalar"]


def rows(what: str, slug: str) -> tuple[Row, list[Row]]:
    """Header and body of a table."""
    if what == "models":
        return ["slug", "what is solved"], [[f"``{name}``", cls.title] for name, cls in own_models().items()]
    if what == "observables":
        return ["name", "symbol", "meaning", "axes"], [observable_row(item) for item in find(slug).observables]
    declared: type[Declared] = Simulation
    if what != "simulation":
        declared = {"parameters": find(slug), "method": find(slug).method}[what]
    return ["name", "symbol", "meaning", "default", "allowed"], [parameter_row(item) for item in declared.declared()]


def sources(references: tuple[str, ...]) -> nodes.bullet_list:
    """Sources of a model; arXiv numbers become links."""
    entries = nodes.bullet_list()
    for text in references:
        line = nodes.paragraph()
        for part in re.split(r"(arXiv:[\w./-]*\w)", text):
            address = "https://arxiv.org/abs/" + part.removeprefix("arXiv:")
            line += nodes.reference(part, part, refuri=address) if part.startswith("arXiv:") else nodes.Text(part)
        entries += nodes.list_item("", line)
    return entries


def cell(text: str) -> nodes.entry:
    content = [nodes.literal(text=text.strip("`"))] if text.startswith("``") else words(text)
    return nodes.entry("", nodes.paragraph("", "", *content))


def words(text: str) -> list[nodes.Node]:
    """Prose in which commands and options are literal, so that no typography changes their dashes."""
    pattern = r"(dmft [^;]+)" if text.startswith("Example") else r"((?<![\w-])--?[a-z][\w-]*(?:=\w+)?)"
    parts = re.split(pattern, text)
    return [nodes.literal(text=part) if number % 2 else nodes.Text(part) for number, part in enumerate(parts) if part]


def table(header: Row, body: list[Row]) -> nodes.table:
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in header), cols=len(header))
    group += nodes.thead("", nodes.row("", *map(cell, header)))
    group += nodes.tbody("", *(nodes.row("", *map(cell, line)) for line in body))
    return nodes.table("", group, classes=["colwidths-auto"])


class DeclaredTable(Directive):
    """``.. declared:: WHAT [SLUG]``"""

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        what, slug = (*self.arguments, "")[:2]
        if what == "references":
            return [sources(find(slug).references)]
        return [table(*rows(what, slug))]


class Commands(Directive):
    """``.. dmft-commands::``: a section for each command, with usage, words and tables of its options."""

    def run(self) -> list[nodes.Node]:
        from dmft.cli import cli

        context = cli.make_context("dmft", [], resilient_parsing=True)
        return [command_section(cli.get_command(context, name), context) for name in cli.list_commands(context)]


def command_section(command: click.Command, above: click.Context) -> nodes.section:
    """One command; the options of a model are those of the default one."""
    context = command.make_context(command.name, [], parent=above, resilient_parsing=True)
    usage = context.get_usage().removeprefix("Usage: ")
    parts: list[nodes.Node] = [nodes.literal_block(usage, usage, language="text")]
    for text in inspect.cleandoc(command.help or "").split("\n\n"):
        parts.append(nodes.paragraph("", "", *words(" ".join(text.split()))))
    groups = dict(context.meta.get("dmft.groups", {}))
    declared = {option for options in groups.values() for option in options}
    groups["Options"] = [option for option in command.get_params(context) if option not in declared]
    for title, options in groups.items():
        lines = [line for line in (option_row(option, context) for option in options) if line]
        if lines:
            parts += [nodes.rubric(text=title), table(["option", "meaning"], lines)]
    return section(f"dmft {command.name}", f"dmft-{command.name}", parts)


def option_row(option: click.Parameter, context: click.Context) -> Row | None:
    record = option.get_help_record(context)
    return [f"``{record[0]}``", record[1]] if record and record[1] else None


class ModelSections(SphinxDirective):
    """``.. dmft-models::``: a section for each model, with all that it declares and a link to its page."""

    def run(self) -> list[nodes.Node]:
        sections = []
        for slug, model in own_models().items():
            page = "theory/" + slug.replace("/", "_").replace("-", "_")
            words, _ = self.parse_inline(f":doc:`{model.title} </{page}>`", lineno=self.lineno)
            parts: list[nodes.Node] = [nodes.paragraph("", "", *words)]
            for what in ("parameters", "method", "observables"):
                header, body = rows(what, slug)
                if body:
                    parts += [nodes.rubric(text=what), table(header, body)]
            sections.append(section(slug, "model-" + nodes.make_id(slug), parts))
        return sections


class Classes(SphinxDirective):
    """``.. dmft-classes::``: the class of every model, from its docstring."""

    def run(self) -> list[nodes.Node]:
        lines = [f".. autoclass:: {model.__module__}.{model.__qualname__}\n" for model in own_models().values()]
        return self.parse_text_to_nodes("\n".join(lines))


def section(title: str, name: str, parts: list[nodes.Node]) -> nodes.section:
    return nodes.section("", nodes.title("", "", nodes.literal(text=title)), *parts, ids=[name], names=[name])


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("declared", DeclaredTable)
    app.add_directive("dmft-commands", Commands)
    app.add_directive("dmft-models", ModelSections)
    app.add_directive("dmft-classes", Classes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
