"""The report: one table of verdicts, then every claim with its evidence and its figures, as HTML and as Markdown."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..results.atomic import write_bytes
from ..results.claims import VERDICTS
from .entry import ERROR, FULL, SKIPPED, UNFINISHED, Entry
from .folder import REPORTS, RESULTS, Folder
from .page import HEAD, INTRODUCTION, caption, numbers, page

#: What every whole PNG file begins and ends with.
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def write_reports(folder: Folder) -> None:
    """Write ``report.md`` and ``report.html`` of everything that the folder holds.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    found = list(folder.entries().values())
    facts = json.loads((folder.path / RESULTS).read_text(encoding="utf-8"))
    pictures = {name: data for entry in found for name in entry["figures"] if (data := picture(folder.path / name))}
    entries = [{**entry, "figures": [name for name in entry["figures"] if name in pictures]} for entry in found]
    content = page(entries, pictures, summary(entries), origin(facts)), markdown(entries, facts, folder.path.name)
    for name, text in zip(REPORTS, content, strict=True):
        write_bytes(folder.path / name, text.encode())


def picture(path: Path) -> bytes:
    """A PNG file; nothing if it is gone, unreadable or not whole: the verdicts are reported without it."""
    try:
        data = path.read_bytes()
    except OSError:
        return b""
    return data if data.startswith(PNG_START) and data.endswith(PNG_END) else b""


def markdown(entries: list[Entry], facts: Mapping[str, Any], folder: str) -> str:
    """The report in Markdown; figures are files beside it."""
    lines = ["# Reproduction", "", f"{summary(entries)} {origin(facts)}", "", _emphasised(INTRODUCTION), ""]
    lines += [_line(HEAD), _line(["---"] * len(HEAD)), *(_line(row(entry, folder)) for entry in entries)]
    shown: set[str] = set()
    last = ""
    for entry in entries:
        if entry["slug"] != last:
            lines += ["", f"## {entry['slug']}"]
        last = entry["slug"]
        lines += ["", f"### {entry['id']}: {verdict_words(entry)}", "", f"{entry['claim']} ({entry['reference']})", ""]
        lines += [f"- {'✓' if check['passed'] else '✗'} {check['text']}" for check in entry["checks"]]
        if entry["message"]:
            lines.append(f"- {entry['message']}")
        if entry["note"]:
            lines += ["", entry["note"]]
        for name in entry["figures"]:
            if name not in shown:
                lines += ["", f"![{caption(entry, name)}]({name})"]
        shown |= set(entry["figures"])
    return "\n".join(lines) + "\n"


def row(entry: Entry, folder: str) -> list[str]:
    """One line of the table of verdicts, in Markdown."""
    commands = "<br>".join(f"`{line}`" for line in [*entry["commands"], again(entry, folder)])
    return [
        f"`{entry['id']}`",
        f"{entry['claim']} ({entry['reference']})",
        verdict_words(entry),
        *numbers(entry),
        commands,
    ]


def verdict_words(entry: Entry) -> str:
    """The verdict, and that it is a regression if it is one."""
    words = str(entry["verdict"])
    return f"{words}, REGRESSION: {entry['regression']}" if entry["regression"] else words


def again(entry: Entry, folder: str) -> str:
    """The command that makes this line again, with its verdict."""
    mode = "--full" if entry["mode"] == FULL else "--fast"
    return shlex.join(["dmft", "reproduce", entry["id"], mode, "-o", folder])


def summary(entries: Iterable[Entry]) -> str:
    """How many claims have which verdict."""
    found = Counter(entry["verdict"] for entry in entries)
    parts = [f"{found[name]} {name}" for name in (*VERDICTS, UNFINISHED, ERROR, SKIPPED) if found[name]]
    regressions = sum(bool(entry["regression"]) for entry in entries)
    parts += [f"{regressions} regression{'s' if regressions > 1 else ''}"] if regressions else []
    return f"{found.total()} claims: {', '.join(parts)}." if parts else "No claim has been judged."


def origin(facts: Mapping[str, Any]) -> str:
    """Versions, machine and day."""
    if "versions" not in facts:
        return ""
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    return f"{versions}; {facts['platform']}; {facts['created']}; code {facts['code']}."


def _emphasised(text: str) -> str:
    """HTML's bold words as Markdown has them."""
    return text.replace("<b>", "*").replace("</b>", "*")


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
