"""The digest of a file's content: it tells whether all that is read is all that was written.

HDF5 has checksums of its own, of chunks and of object headers. But they do not cover attributes of more than 4 kB,
miss a chunk in the place of another, and were made against single errors. This digest covers every number and word
together, and knows nothing of HDF5: who can read the arrays can check it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import FileFormatError
from .layout import Attributes, Group, Variable

#: The attribute of the root that holds it.
DIGEST = "digest"
#: Attributes of variables that mean something; the others are HDF5's own bookkeeping.
LABELS = ("units", "long_name", "symbol", "ancillary_variables")


def seal(attrs: Attributes, groups: Mapping[str, Group]) -> str:
    """Text of the attribute ``digest``: which names are covered, by group, and the SHA-256 of their content.

    Parameters
    ----------
    attrs : dict
        Attributes of the root.
    groups : mapping of str to Group
        The group ``/`` is the root's own arrays.

    Returns
    -------
    str
        JSON with ``sha256`` and ``names``.
    """
    parts = {"/": _items(groups.get("/", Group({})), attrs)}
    parts |= {name: _items(group, group.attrs) for name, group in groups.items() if name != "/"}
    names = {where: sorted(items) for where, items in parts.items()}
    return json.dumps({"sha256": _digest(parts, names), "names": names}, ensure_ascii=False)


def check_seal(text: str, attrs: Attributes, groups: Mapping[str, Group]) -> None:
    """Compare what was read with the attribute ``digest``; names that it does not list are not looked at.

    Raises
    ------
    FileFormatError
        If anything is missing or different.
    """
    try:
        found = json.loads(text)
        names, expected = found["names"], found["sha256"]
        parts = {where: _items(groups[where], attrs if where == "/" else groups[where].attrs) for where in names}
        same = _digest(parts, names) == expected
    except (ValueError, KeyError, TypeError):
        same = False
    if not same:
        raise FileFormatError("its content is not what was written (the digest differs)")


def _items(group: Group, attrs: Attributes) -> dict[str, Any]:
    """Attributes as ``@name`` beside arrays by name."""
    return {**{f"@{name}": value for name, value in attrs.items()}, **group.coordinates, **group.variables}


def _digest(parts: Mapping[str, Mapping[str, Any]], names: Mapping[str, list[str]]) -> str:
    total = hashlib.sha256()
    for where in sorted(names):
        for name in sorted(names[where]):
            for piece in _pieces(where, name, parts[where][name]):
                total.update(piece)
    return total.hexdigest()


def _pieces(where: str, name: str, item: Any) -> Iterator[bytes | memoryview]:
    """One line of JSON for each item, followed by the bytes of an array of numbers."""
    if not isinstance(item, Variable):
        yield _line(where, name, _plain(item))
        return
    values = item.values
    labels = {key: _plain(item.attrs[key]) for key in LABELS if key in item.attrs}
    texts = values.tolist() if values.dtype.kind == "U" else None  # HDF5 may choose another length
    kind = "text" if texts is not None else values.dtype.newbyteorder("<").str
    yield _line(where, name, list(item.dims), kind, list(values.shape), labels, texts)
    if texts is None:
        for row in values if values.ndim > 1 else (values,):  # no copy of the whole where it is not contiguous
            yield np.ascontiguousarray(row, dtype=kind).tobytes()


def _line(*facts: Any) -> bytes:
    return json.dumps(facts, ensure_ascii=False, sort_keys=True).encode(errors="backslashreplace") + b"\n"


def _plain(value: Any) -> Any:
    """Text as HDF5 keeps it, a number as Python's own."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").rstrip(b"\0").decode()
    return float(value) if isinstance(value, (float, np.floating)) else int(value)
