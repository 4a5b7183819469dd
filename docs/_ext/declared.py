"""Directives that print what the code declares, so that tables and help texts cannot go out of date.

``.. declared:: parameters sgd`` (or ``method sgd``, ``simulation``, ``observables sgd``) makes a table;
``.. declared:: references sgd`` the list of sources; ``.. dmft-command:: solve`` usage and options of a command.
"""

from __future__ import annotations

import re
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

from dmft.parameters import Declared, Parameter
from dmft.results.curve import Observable
from dmft.simulation.method import Simulation
from dmft.theory.registry import find, models

Row = list[str]


def parameter_row(item: Parameter) -> Row:
    default = "–" if item.default is None else str(item.default)
    return [f"``{item.name}``", item.symbol, item.doc, default, item.allowed]


def observable_row(item: Observable) -> Row:
    return [f"``{item.name}``", item.symbol, item.long_name, ", ".join(item.dims) or "scalar"]


def rows(what: str, slug: str) -> tuple[Row, list[Row]]:
    """Header and body of a table."""
    if what == "models":
        return ["slug", "what is solved"], [[f"``{name}``", cls.title] for name, cls in models().items()]
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
    literal = text.startswith("``")
    content = nodes.literal(text=text.strip("`")) if literal else nodes.Text(text)
    return nodes.entry("", nodes.paragraph("", "", content))


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


class Help(Directive):
    """``.. dmft-help:: [COMMAND …]`` prints ``dmft COMMAND … --help``."""

    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[dict] = {}

    def run(self) -> list[nodes.Node]:
        from click.testing import CliRunner

        from dmft.cli import cli

        arguments = self.arguments[0].split() if self.arguments else []
        answer = CliRunner(env={"COLUMNS": "100"}).invoke(cli, [*arguments, "--help"])
        if answer.exit_code:
            raise self.error(f"dmft {' '.join(arguments)} --help: exit code {answer.exit_code}")
        text = f"$ dmft {' '.join([*arguments, '--help'])}\n{answer.output}"
        return [nodes.literal_block(text, text, language="text")]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("declared", DeclaredTable)
    app.add_directive("dmft-help", Help)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
