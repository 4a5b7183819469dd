"""The report as one HTML page that needs nothing else: style and figures are in it."""

from __future__ import annotations

import base64
import html
import struct
from collections.abc import Iterable, Mapping
from itertools import groupby

from .entry import Entry

STYLE = """
:root { --line: #d6d9dd; --soft: #f5f6f8; --ink: #1b1f24; --dim: #5a636e; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 3rem) 4rem; max-width: 90rem; color: var(--ink);
       font: 16px/1.5 system-ui, sans-serif; background: #fff; }
h1 { margin: 0 0 .3rem; font-size: 1.7rem; }
h2 { margin: 3rem 0 .5rem; padding-top: .6rem; border-top: 2px solid var(--ink); font-size: 1.3rem; }
h3 { margin: 1.8rem 0 .3rem; font-size: 1.05rem; }
p, ul { max-width: 75ch; }
.dim { color: var(--dim); font-size: .85rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; }
th, td { padding: .4rem .45rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { background: var(--soft); } td:first-child { min-width: 9rem; }
td.number { white-space: nowrap; font-variant-numeric: tabular-nums; }
td.claim { min-width: 15rem; }
summary { cursor: pointer; white-space: nowrap; }
code { font: .8rem ui-monospace, monospace; overflow-wrap: anywhere; }
td code { display: block; min-width: 10rem; margin-bottom: .2rem; }
a { color: #0b5cad; text-decoration: none; } a:hover, a:focus { text-decoration: underline; }
.tag { display: inline-block; padding: .05rem .5rem; border-radius: 1rem; color: #fff; background: #5a636e;
       font-size: .8rem; font-weight: 600; white-space: nowrap; }
.confirmed { background: #00704e; } .partly { background: #8a5a00; } .not-confirmed { background: #a13d00; }
.error, .not-converged, .regression { background: #b00020; }
.pass::marker { content: "✓  "; color: #00704e; } .fail::marker { content: "✗  "; color: #b00020; }
figure { margin: 1.2rem 0; } figure img { max-width: 100%; height: auto; border: 1px solid var(--line); }
figcaption { color: var(--dim); font-size: .8rem; }
""".strip()
HEAD = ("Recipe", "Claim", "Verdict", "max |z|", "relative error", "N", "seed", "time", "Run it again")
INTRODUCTION = (
    "Each line holds one claim of a paper against calculations of this program. <b>Confirmed</b>: every statement that "
    "the claim was broken into holds; <b>partly</b>: some do; <b>not confirmed</b>: none does. max |z| is the largest "
    "deviation in standard errors, relative error the largest relative deviation, as far as a claim has any."
)


def page(entries: list[Entry], pictures: Mapping[str, bytes], summary: str, origin: str) -> str:
    """The page.

    Parameters
    ----------
    entries : list of dict
        As in ``results.json``.
    pictures : dict
        Content of every PNG file that the entries name.
    summary, origin : str
        How many claims have which verdict; versions, machine and day.
    """
    parts = [f"<h1>Reproduction</h1><p><b>{_text(summary)}</b> {INTRODUCTION}</p>", _table(entries)]
    shown: set[str] = set()
    for slug, group in groupby(entries, key=lambda entry: entry["slug"]):
        parts.append(f"<h2>{_text(slug)}</h2>")
        parts += [_section(entry, pictures, shown) for entry in group]
    parts.append(f'<p class="dim">{_text(origin)}</p>')
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>dmft: reproduction</title>'
        f'<link rel="icon" href="data:,"><style>{STYLE}</style></head>\n<body>{"".join(parts)}</body></html>\n'
    )


def numbers(entry: Entry) -> list[str]:
    """The cells between the verdict and the commands of a row."""
    return [
        *("" if entry[name] is None else f"{entry[name]:.2g}" for name in ("max_z", "relative_error")),
        *(", ".join(map(str, entry[name])) for name in ("sizes", "seeds")),
        f"{entry['seconds']:.1f} s" if entry["seconds"] else "",
    ]


def caption(entry: Entry, name: str) -> str:
    """Words for a figure: the command that drew it."""
    number = next(index for index, stem in enumerate(entry["stems"]) if name.endswith(f"/{stem}.png"))
    return str(entry["commands"][number])


def tag(entry: Entry) -> str:
    """The verdict as a coloured label."""
    words = entry["verdict"]
    label = f'<span class="tag {words.replace(" ", "-")}">{_text(words)}</span>'
    if entry["regression"]:
        label += f' <span class="tag regression">{_text(entry["regression"])}</span>'
    return label


def _table(entries: Iterable[Entry]) -> str:
    head = "".join(f"<th>{name}</th>" for name in HEAD)
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(map(_row, entries))}</table></div>'


def _row(entry: Entry) -> str:
    name = _text(entry["id"]).replace("/", "/<wbr>").replace(":", ":<wbr>")  # where a long name may be broken
    cells = [
        f'<td><a href="#{_anchor(entry)}">{name}</a></td>',
        f'<td class="claim">{_text(entry["claim"])} <span class="dim">{_text(entry["reference"])}</span></td>',
        f"<td>{tag(entry)}</td>",
        *(f'<td class="number">{cell}</td>' for cell in numbers(entry)),
        f"<td>{_commands(entry['commands'])}</td>",
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _commands(lines: list[str]) -> str:
    """One command as it is, several behind a click: rows stay low."""
    shown = "".join(f"<code>{_text(line)}</code>" for line in lines)
    return shown if len(lines) == 1 else f"<details><summary>{len(lines)} commands</summary>{shown}</details>"


def _section(entry: Entry, pictures: Mapping[str, bytes], shown: set[str]) -> str:
    lines = [
        f'<li class="{"pass" if check["passed"] else "fail"}">{_text(check["text"])}</li>' for check in entry["checks"]
    ]
    if entry["message"]:
        lines.append(f"<li>{_text(entry['message'])}</li>")
    note = f"<p>{_text(entry['note'])}</p>" if entry["note"] else ""
    figures = []
    for name in entry["figures"]:
        if name not in shown:
            shown.add(name)
            figures.append(_figure(pictures[name], caption(entry, name)))
    return (
        f'<h3 id="{_anchor(entry)}">{_text(entry["id"])} {tag(entry)}</h3>'
        f'<p>{_text(entry["claim"])} <span class="dim">{_text(entry["reference"])}</span></p>'
        f"<ul>{''.join(lines)}</ul>{note}{''.join(figures)}"
    )


def _figure(data: bytes, command: str) -> str:
    """A figure at half its pixels, so that it is sharp on fine screens; its size is told before it is there."""
    width, height = struct.unpack(">II", data[16:24])  # the header of every PNG
    image = base64.b64encode(data).decode()
    return (
        f'<figure><img alt="Figure of {_text(command)}" width="{width * 3 // 4}" height="{height * 3 // 4}" '
        f'loading="lazy" src="data:image/png;base64,{image}">'
        f"<figcaption><code>{_text(command)}</code></figcaption></figure>"
    )


def _anchor(entry: Entry) -> str:
    return str(entry["id"]).replace("/", "-").replace(":", "--")


def _text(value: object) -> str:
    return html.escape(str(value))
