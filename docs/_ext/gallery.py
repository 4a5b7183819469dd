"""A card for every system on the start page, made from what the system's own page says about itself.

``.. system:: FAMILY`` at the top of a page, with ``:picture:``, ``:question:`` and ``:verdict:``, prints question and
verdict there; ``.. gallery::`` prints the cards of all pages in the order of the table of contents, each with
the variants of the family. A picture that is missing, and a family without a card, are errors.
"""

from __future__ import annotations

from typing import ClassVar

from declared import own_models
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

log = logging.getLogger(__name__)


class gallery(nodes.General, nodes.Element):
    """The place of the cards."""


def families() -> dict[str, list[str]]:
    """Slugs of the models by family."""
    found: dict[str, list[str]] = {}
    for slug in own_models():
        found.setdefault(slug.partition("/")[0], []).append(slug)
    return found


def page_name(slug: str) -> str:
    """Page of a model."""
    return "theory/" + slug.replace("/", "_").replace("-", "_")


class System(SphinxDirective):
    """``.. system:: FAMILY``"""

    required_arguments = 1
    option_spec: ClassVar[dict] = dict.fromkeys(("picture", "question", "verdict"), directives.unchanged_required)

    def run(self) -> list[nodes.Node]:
        family = self.arguments[0]
        lacking = [f":{name}:" for name in self.option_spec if not self.options.get(name)]
        if lacking:
            raise self.error(f"system {family} lacks {', '.join(lacking)}")
        if family not in families():
            raise self.error(f"no model is called {family}; known are {', '.join(families())}")
        picture, full = self.env.relfn2path(self.options["picture"])
        self.env.note_dependency(picture)
        if not (self.env.srcdir / picture).is_file():
            raise self.error(f"system {family}: there is no picture {full}")
        self.env.images.add_file(self.env.docname, picture)
        lines = {name: self.inline(name) for name in ("question", "verdict")}
        cards(self.env)[family] = {"page": self.env.docname, "picture": picture, **lines}
        box = nodes.container(classes=["system"])
        box += nodes.paragraph("", "", *(node.deepcopy() for node in lines["question"]), classes=["question"])
        box += nodes.paragraph("", "", nodes.strong(text="Verdict. "), *(node.deepcopy() for node in lines["verdict"]))
        return [box]

    def inline(self, name: str) -> list[nodes.Node]:
        content, problems = self.parse_inline(" ".join(self.options[name].split()), lineno=self.lineno)
        if problems:
            raise self.error(f"{name} of {self.arguments[0]}: {problems[0].astext()}")
        return content


class Gallery(SphinxDirective):
    """``.. gallery::``"""

    def run(self) -> list[nodes.Node]:
        return [gallery()]


def cards(env: BuildEnvironment) -> dict[str, dict]:
    """What the systems say about themselves, by family."""
    if not hasattr(env, "dmft_cards"):
        env.dmft_cards = {}  # type: ignore[attr-defined]
    return env.dmft_cards  # type: ignore[attr-defined,no-any-return]


def purge(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    for family in [family for family, card in cards(env).items() if card["page"] == docname]:
        del cards(env)[family]


def merge(app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment) -> None:
    cards(env).update({family: card for family, card in cards(other).items() if card["page"] in docnames})


def check(app: Sphinx, env: BuildEnvironment) -> None:
    """Every family has a card, so no system can be forgotten."""
    for family in families():
        if family not in cards(env):
            log.warning("no page has `.. system:: %s`: the gallery lacks it", family)


def link(app: Sphinx, here: str, page: str, *content: nodes.Node, **attributes: object) -> nodes.reference:
    address = app.builder.get_relative_uri(here, page)
    return nodes.reference("", "", *content, internal=True, refuri=address, **attributes)


def card(app: Sphinx, here: str, family: str, content: dict) -> nodes.container:
    """Picture, title, question, verdict and variants of one system."""
    env, page = app.env, content["page"]
    title = env.titles[page].astext().partition(": ")[2] or env.titles[page].astext()
    image = nodes.image(uri=content["picture"], alt=title, candidates={"*": content["picture"]}, loading="lazy")
    box = nodes.container(classes=["card"])
    box += nodes.paragraph("", "", link(app, here, page, image), classes=["picture"])
    head = nodes.literal(text=family), nodes.Text(f" {title}")
    box += nodes.paragraph("", "", link(app, here, page, *head), classes=["name"])
    box += nodes.paragraph("", "", *(node.deepcopy() for node in content["question"]), classes=["question"])
    box += nodes.paragraph("", "", *(node.deepcopy() for node in content["verdict"]), classes=["verdict"])
    variants = nodes.paragraph("", "", classes=["variants"])
    for slug in families()[family]:
        if slug != family and page_name(slug) in env.all_docs:
            variants += [link(app, here, page_name(slug), nodes.Text(slug.partition("/")[2])), nodes.Text(" ")]
    if variants.children:
        box += variants
    return box


def resolve(app: Sphinx, doctree: nodes.document, here: str) -> None:
    """Put the cards where the gallery stands."""
    places = list(doctree.findall(gallery))
    if not places:
        return
    order = {page: number for number, page in enumerate(pages for pages in app.env.toctree_includes.get(here, []))}
    known = sorted(cards(app.env).items(), key=lambda item: order.get(item[1]["page"], len(order)))
    for place in places:
        place.replace_self(nodes.container("", *(card(app, here, *item) for item in known), classes=["gallery"]))


def setup(app: Sphinx) -> ExtensionMetadata:
    app.add_node(gallery)
    app.add_directive("system", System)
    app.add_directive("gallery", Gallery)
    app.connect("env-purge-doc", purge)
    app.connect("env-merge-info", merge)
    app.connect("env-check-consistency", check)
    app.connect("doctree-resolved", resolve)
    app.add_css_file("gallery.css")
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
