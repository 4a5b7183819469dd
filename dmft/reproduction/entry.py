"""An entry of ``results.json``: what is told of one recipe, and whether what was read can be one."""

from __future__ import annotations

from typing import Any

from ..results.claims import VERDICTS

#: What stands in place of a verdict where there is none.
ERROR, UNFINISHED, SKIPPED = "error", "not converged", "not run"
FAST, FULL = "fast", "full"
Entry = dict[str, Any]

_NUMBER, _NOTHING = (int, float), type(None)
#: Every key of an entry with what it holds: types, the type of each item of a list, or the words that are allowed.
KEYS: dict[str, tuple[Any, ...] | list[type]] = {
    "id": (str,),
    "slug": (str,),
    "family": (str,),
    "claim": (str,),
    "reference": (str,),
    "note": (str,),
    "mode": (FAST, FULL),
    "expected": VERDICTS,
    "earlier": ("", *VERDICTS),
    "verdict": (*VERDICTS, UNFINISHED, ERROR, SKIPPED),
    "message": (str,),
    "checks": [dict],
    "max_z": (*_NUMBER, _NOTHING),
    "relative_error": (*_NUMBER, _NOTHING),
    "sizes": [int],
    "seeds": [int],
    "seconds": _NUMBER,
    "commands": [str],
    "stems": [str],
    "runs": [str],
    "figures": [str],
    "regression": (str,),
    "code": (str,),
    "judged": (str,),
}
#: The same of a statement, an item of ``checks``.
CHECK_KEYS = {
    "passed": (bool,),
    "text": (str,),
    "z": (*_NUMBER, _NOTHING),
    "relative_error": (*_NUMBER, _NOTHING),
}


def is_entry(found: Any) -> bool:
    """True if `found` has every key of an entry, each with a value of its kind."""
    if not isinstance(found, dict) or not all(_fits(found.get(key, KEYS), kinds) for key, kinds in KEYS.items()):
        return False
    checks = (_fits(item.get(key, KEYS), kinds) for item in found["checks"] for key, kinds in CHECK_KEYS.items())
    drawn = {f"figures/{stem}.png" for stem, _ in zip(found["stems"], found["commands"], strict=False)}
    return all(checks) and set(found["figures"]) <= drawn


def _fits(value: Any, kinds: Any) -> bool:
    if isinstance(kinds, list):
        return isinstance(value, list) and all(isinstance(item, kinds[0]) for item in value)
    if isinstance(kinds[0], str):
        return value in kinds
    return isinstance(value, kinds)
