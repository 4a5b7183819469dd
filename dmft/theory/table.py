"""A table of numbers from a user's CSV file: the one reader of all models."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from ..errors import ParameterError


def read_table(path: str, columns: tuple[str, ...] = (), least: int = 1) -> np.ndarray:
    """Numbers (rows, columns) of a CSV file: commas between them, one line of words at the top or none.

    Parameters
    ----------
    path : str
        The file. Empty lines, and lines that begin with ``#``, are passed over.
    columns : tuple of str
        What they hold; without it two or more of any kind, inputs first and one value last.
    least : int
        Rows that are needed.

    Raises
    ------
    ParameterError
        If there is no such file, a row has another number of columns, an entry is no finite number, or there are
        fewer than `least` rows.
    """
    what = f"the columns {', '.join(columns)}" if columns else "inputs first and the value in the last column"
    wanted = f"give a CSV file with {what}"
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            lines = [item for item in enumerate(csv.reader(file), start=1) if not _is_empty(item[1])]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ParameterError(f"data = {path!r} cannot be read ({reason}): {wanted}") from None
    if lines and not any(_is_number(word) for word in lines[0][1]):
        lines = lines[1:]
    if not columns:
        count = max(2, len(lines[0][1]) if lines else 2)
        columns = (*(f"input {k}" for k in range(1, count)), "value")
    rows = []
    for number, row in lines:
        if len(row) != len(columns):
            raise ParameterError(f"data = {path!r}, line {number} has {len(row)} columns, not {len(columns)}: {wanted}")
        for name, word in zip(columns, row, strict=True):
            if not _is_number(word) or not np.isfinite(float(word)):
                given = f"{name} = {word.strip()!r}"
                raise ParameterError(f"data = {path!r}, line {number}: {given} is no finite number: {wanted}")
        rows.append([float(word) for word in row])
    if len(rows) < least:
        raise ParameterError(f"data = {path!r} has {len(rows)} rows: {wanted} and at least {least} rows")
    return np.array(rows)


def _is_empty(row: list[str]) -> bool:
    return not any(map(str.strip, row)) or row[0].lstrip().startswith("#")


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
