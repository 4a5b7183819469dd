"""A table of numbers from a user's CSV file."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from ..errors import ParameterError


def read_table(path: str, columns: tuple[str, ...], least: int) -> np.ndarray:
    """Numbers (rows, columns) of a CSV file: commas between them, one line of words at the top or none.

    Raises
    ------
    ParameterError
        If there is no such file, a row has another number of columns, an entry is no finite number, or there are
        fewer than `least` rows.
    """
    wanted = f"give a CSV file with the columns {', '.join(columns)}"
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            lines = [(number, row) for number, row in enumerate(csv.reader(file), start=1) if any(map(str.strip, row))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ParameterError(f"data = {path!r} cannot be read ({reason}): {wanted}") from None
    if lines and not any(_is_number(word) for word in lines[0][1]):
        lines = lines[1:]
    rows = []
    for number, row in lines:
        if len(row) != len(columns):
            raise ParameterError(f"data = {path!r}, line {number} has {len(row)} columns, not {len(columns)}: {wanted}")
        for name, word in zip(columns, row, strict=True):
            if not _is_number(word) or not np.isfinite(float(word)):
                raise ParameterError(f"data = {path!r}, line {number}: {name} = {word.strip()!r} is no finite number")
        rows.append([float(word) for word in row])
    if len(rows) < least:
        raise ParameterError(f"data = {path!r} has {len(rows)} rows: {wanted} and at least {least} rows")
    return np.array(rows)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
