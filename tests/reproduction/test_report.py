"""The reports: nothing from outside, no picture missing, tables that parse, commands that exist; in a real browser."""

from __future__ import annotations

import base64
import re
import shlex
from html.parser import HTMLParser

import pytest

from dmft.cli import cli
from dmft.reproduction.reproduce import reproduce


class Links(HTMLParser):
    """Addresses, anchors and pictures of a page; open elements must be closed."""

    VOID = ("meta", "img", "link", "br", "wbr")

    def __init__(self):
        super().__init__()
        self.addresses, self.ids, self.pictures, self.open = [], set(), [], []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.addresses += [values[name] for name in ("src", "href") if name in values]
        self.ids |= {values["id"]} if "id" in values else set()
        if tag == "img":
            self.pictures.append(values)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def papers(tmp_path_factory, in_process):
    """A small reproduction of the real thing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dmft.reproduction.reproduce.LocalPool", in_process)
        folder = tmp_path_factory.mktemp("reports") / "papers"
        return reproduce(["lamb/schedule", "bn-weight-decay/jumps"], folder, jobs=1)


def test_the_page_needs_nothing_else(papers):
    page = Links()
    page.feed(papers.html.read_text())
    assert page.open == []
    for address in page.addresses:
        assert address.startswith(("data:", "#"))
        assert not address.startswith("#") or address[1:] in page.ids
    assert len(page.pictures) == 2
    for picture in page.pictures:
        assert picture["alt"]
        data = base64.b64decode(picture["src"].partition("base64,")[2])
        assert data.startswith(b"\x89PNG")
    text = re.sub(r"base64,[^\"]*", "", papers.html.read_text())
    assert not re.search(r"//|url\(|@import|<script", text)


def test_text_of_others_is_escaped(quick, toy, tmp_path):
    done = reproduce(["toy/obedient:half", "toy/obedient:wrong"], tmp_path / "papers", jobs=1)
    text = done.html.read_text()
    assert "y &lt; 0 &amp; falls" in text
    assert "x is &lt;positive&gt;" in text
    (line,) = [line for line in done.markdown.read_text().splitlines() if line.startswith("| `toy/obedient:half`")]
    assert r"y \| is a cube" in line


def test_markdown_tables_parse_and_pictures_exist(papers):
    lines = papers.markdown.read_text().splitlines()
    table = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("|")]
    assert {len(cells) for cells in table} == {9}
    assert set(map(str.strip, table[1])) == {"---"}
    assert len(table) == 2 + len(papers.entries)
    pictures = re.findall(r"^!\[.*\]\((.*)\)$", "\n".join(lines), re.M)
    assert len(pictures) == 2
    assert all((papers.folder / name).exists() for name in pictures)


def test_commands_of_the_table_are_valid_lines(papers):
    lines = [line for line in papers.markdown.read_text().splitlines() if line.startswith("| `")]
    commands = [command for line in lines for command in re.findall(r"`(dmft [^`]*)`", line)]
    assert len(commands) == 4
    for text in commands:
        program, name, *words = shlex.split(text)
        assert program == "dmft"
        cli.get_command(None, name).make_context(name, words)  # raises what the user would see


@pytest.mark.slow
def test_a_browser_shows_it(papers, browser, tmp_path):
    for width in (1200, 420):
        seen = browser.look(papers.html, tmp_path / f"{width}.png", width=width)
        assert seen == browser.Seen(pictures=2)
        assert (tmp_path / f"{width}.png").stat().st_size > 10_000
