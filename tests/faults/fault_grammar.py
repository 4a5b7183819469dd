"""Command lines as a careless or hostile user would type them, for hypothesis.

A line is a list of words and what is known of its end: ``bad`` if it must be refused as wrong use (exit code 2).
Whatever calculates has ``--dry-run`` in the first place, where no other option can take it as its value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st

from dmft.cli.model_command import all_parts
from dmft.parameters import Parameter
from dmft.theory.registry import models

#: No parameter that is a number takes one of these.
POISON = ("nan", "NaN", "inf", "-inf", "1e999", "é", "𝒩(0,1)", "one", "0x10", "1;2", "1 2", "½", "--alpha")
#: Some parameters take some of these.
HOSTILE = (
    "-1", "0", "-0.0", "1e308", "1e-320", "1e9", "123456789012345678901234567890", "9" * 5000, "1_000", "٣", " 1 ",
    "\t", "\n", "", " ", "none", "None", "null", "true", "[]", "{}", "a=b", "'", '"', "\\", "%s", "{0}", "$HOME", "*",
    "../x", "x" * 300, "\x1b[31m", "‮", "1,2", "500,1000", "own:loss", ".", "/",
)  # fmt: skip
OUTPUTS = ("out.h5", "out.hdf5", "none/out.h5", "", ".h5", "é ü.h5", "out.txt", "folder.h5", "x" * 300 + ".h5", "-.h5")
CONFIGS = ("good.toml", "bad.toml", "none.toml", "", "folder.h5", "binary.toml", "sweep.toml")
FILES = ("run.h5", "phase.h5", "none.h5", "text.h5", "folder.h5", "", "é.h5", "x" * 300)
RANGES = (
    "0.5:2:3", "log:0.1:1:3", "0.5,1", "1", "1:2", "1:2:0", "1:2:-3", "nan:1:3", "1:inf:3", "log:-1:1:3", "log:0:1:2",
    "1:2:1e9", "1:2:99999999999", ":", "::", "", ",", "é", "1:2:3:4", "log:", "lin:1:2:3", "1,1", "a,b",
    "square,logistic",
)  # fmt: skip
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@dataclass(frozen=True)
class Line:
    """Words, and whether they must be refused."""

    words: tuple[str, ...]
    bad: bool = False


@cache
def slugs() -> tuple[str, ...]:
    return tuple(models())


@cache
def declared(slug: str, kinds: tuple[str, ...]) -> tuple[Parameter, ...]:
    parts = all_parts(models()[slug])
    return tuple({item.name: item for part in kinds for item in parts[part].declared()}.values())


def good(item: Parameter) -> st.SearchStrategy[str]:
    """Values that are most likely allowed."""
    if item.choices:
        return st.sampled_from(item.choices)
    if item.kind is int:
        return st.sampled_from(["1", "2", "3", "5", "8", str(item.default)])
    if item.kind is float:
        return st.sampled_from(["0.1", "0.5", "1", "2.0", "1e-3", str(item.default)])
    return st.just(str(item.default))


@st.composite
def option(draw: Any, items: tuple[Parameter, ...]) -> tuple[list[str], bool]:
    """One declared option with its value."""
    item = draw(st.sampled_from(items))
    if item.kind is bool:
        return [draw(st.sampled_from([item.option, f"--no-{item.option[2:]}"]))], False
    kind = draw(st.sampled_from(["good"] * 8 + ["poison", "poison", "hostile", "hostile", "text", "missing"]))
    if kind == "missing":
        return [item.option], False
    number = item.kind in (int, float) and not item.choices and item.custom is None
    if kind == "poison" and number and item.name != "size":
        value = draw(st.sampled_from(POISON))
        joined = draw(st.booleans())
        return ([f"{item.option}={value}"] if joined else [item.option, value]), value != "--alpha" or not joined
    value = draw({"hostile": st.sampled_from(HOSTILE), "text": text}.get(kind, good(item)))
    return [item.option, value], False


@st.composite
def common(draw: Any) -> tuple[list[str], bool]:
    """One of the options that every calculation has, or one that nothing has."""
    name = draw(st.sampled_from(["-o", "--config", "--set", "flag", "unknown"]))
    if name == "flag":
        flags = ["--force", "--no-figure", "--json", "-q", "-v", "--quiet", "--check", "--figure", "-qv"]
        return [draw(st.sampled_from(flags))], False
    if name == "unknown":
        return [draw(st.sampled_from(["--nonsense", "-z", "--alhpa=1", "--", "-", "extra", "---", "--=", "-é"]))], False
    if name == "--set":
        key = draw(st.sampled_from(["alpha", "seed", "nonsense", "", "ALPHA", "α"]) | text)
        value = draw(st.sampled_from([*HOSTILE, *POISON, "1"]))
        return ["--set", draw(st.sampled_from([f"{key}={value}", key, "="]))], False
    return [name, draw(st.sampled_from(OUTPUTS if name == "-o" else CONFIGS))], False


@st.composite
def calculation(draw: Any) -> Line:
    """``solve``, ``simulate`` or ``compare``."""
    command = draw(st.sampled_from(["solve", "simulate", "compare"]))
    parts = {"solve": ("parameters", "method"), "simulate": ("parameters", "simulation")}
    slug = draw(st.sampled_from(slugs()))
    items = declared(slug, parts.get(command, ("parameters", "method", "simulation")))
    pieces = draw(st.lists(option(items) | option(items) | common(), max_size=5))
    odd = draw(st.sampled_from([None] * 20 + ["nonsense", "", "SGD", "é", "run.h5", "none.h5", "folder.h5"]))
    words = [word for piece, _ in pieces for word in piece]
    where = 0 if draw(st.booleans()) else len(words)
    words.insert(where, slug if odd is None else odd)
    # a missing value makes an option take the next word, so nothing is sure unless each has its own
    sure = all(len(piece) == 2 or "=" in piece[0] for piece, _ in pieces) and where == 0 and odd is None
    return Line((command, "--dry-run", *words), sure and any(bad for _, bad in pieces))


@st.composite
def swept(draw: Any) -> Line:
    """``sweep``."""
    slug = draw(st.sampled_from(slugs()))
    items = declared(slug, ("parameters", "method", "simulation"))
    words = ["sweep", "--dry-run", slug]
    for item in draw(st.lists(st.sampled_from(items), max_size=3)):
        ranges = st.sampled_from([*RANGES, ",".join(item.choices) or "1,2"])
        words += ["--over", f"{draw(st.sampled_from([item.name, item.option[2:]]))}={draw(ranges)}"]
    extra = {
        "--kind": ("theory", "simulation", "comparison", "nonsense", ""), "--zip": ("alpha,ridge", "", ",", "x,y"),
        "--jobs": ("1", "2", "0", "-1", "x", "5000"), "--shard": ("1/2", "0/2", "3/2", "x", "", "1/1"),
        "--points": ("5", "0", "-3", "x", "100"), "--observable": ("x", "", "é"),
        "--over": ("x", "=", "x=", "=1,2", "é=1"), "--dask": ("", "nowhere", "tcp://127.0.0.1:1"),
    }  # fmt: skip
    for name in draw(st.lists(st.sampled_from(list(extra)), max_size=3)):
        words += [name, draw(st.sampled_from(extra[name]))]
    if draw(st.integers(0, 5)) == 0:
        words.append("--adaptive")
    for piece, _ in draw(st.lists(option(items) | common(), max_size=3)):
        words += piece
    return Line(tuple(words))


@st.composite
def reading(draw: Any) -> Line:
    """``plot``, ``info``, ``models``, ``completions``, and what is no command."""
    commands = ("plot", "info", "models", "completions", "nonsense", "", "-é", "--version", "Solve")
    others = ("bash", "fish", "tcsh", "--json", "-v", "--force", "--help", "-h", "--x", "--observable=norm", "-o",
              "--observable=é", "--observable", "fig.png", "fig.txt", "none/f.pdf")  # fmt: skip
    words = draw(st.lists(st.sampled_from([*FILES, *slugs()[:4], *others]) | text, max_size=4))
    command = draw(st.sampled_from(commands))
    return Line((command, *words))


@st.composite
def reproducing(draw: Any) -> Line:
    """``reproduce``, of few claims: what is there is read and judged."""
    good = ("lamb", "lamb/schedule", "lamb:bounds", "sgd/ridge")
    names = draw(st.lists(st.sampled_from([*good, "lamp", "lamb:", ":", "", "é", "LAMB", "run.h5", "*"]), min_size=1))
    folders = (*OUTPUTS, "papers", "none/papers", "text.h5", "run.h5/papers", ".", "/proc/papers")
    flags = ("--fast", "--full", "--json", "-q", "-v", "--force", "--nonsense", "--check", "-z", "--help")
    options = [("-o", name) for name in folders] + [(name,) for name in flags] + [
        ("--jobs", number) for number in ("1", "2", "0", "-1", "x", "5000", "")
    ]  # fmt: skip
    chosen = [word for option in draw(st.lists(st.sampled_from(options), max_size=3)) for word in option]
    bad = not {*names} <= {*good} and not {"-o", "--help"} & {*chosen}
    return Line(("reproduce", "--dry-run", *names, *chosen), bad)


lines = calculation() | calculation() | calculation() | swept() | reading() | reproducing()
