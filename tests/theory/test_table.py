"""Tables of a user: what is read, and what is refused in one line."""

from __future__ import annotations

import numpy as np
import pytest

from dmft.errors import ParameterError
from dmft.theory.table import read_table
from dmft.theory.targets import table

COLUMNS = ("x", "y")


@pytest.fixture
def write(tmp_path):
    def write(text, mode="w"):
        path = tmp_path / "data.csv"
        path.write_bytes(text) if isinstance(text, bytes) else path.write_text(text)
        return str(path)

    return write


def test_any_columns_and_comments(write):
    found = read_table(write("# made by hand\na,b,value\n1,2,3\n# the last one\n4,5,6\n"))
    np.testing.assert_array_equal(found, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    with pytest.raises(ParameterError, match="line 2: value = 'x' is no finite number"):
        read_table(write("1,2,3\n4,5,x\n"))


@pytest.mark.parametrize("text", ["x,y\n1,2\n3,4e-1\n", "1, 2\n\n 3,.4\n", "\ufeffx,y\r\n1,2\r\n3,0.4\r\n"])
def test_header_blank_lines_and_spaces(write, text):
    np.testing.assert_array_equal(read_table(write(text), COLUMNS, 2), [[1.0, 2.0], [3.0, 0.4]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,2\n", "has 1 rows: give a CSV file with the columns x, y and at least 2 rows"),
        ("", "has 0 rows"),
        ("1,2,3\n4,5,6\n", "line 1 has 3 columns, not 2"),
        ("1,2\n3,nan\n", "line 2: y = 'nan' is no finite number"),
        ("1,2\ninf,1\n", "line 2: x = 'inf' is no finite number"),
        ("1,2\n3,four\n", "line 2: y = 'four' is no finite number"),
        (b"\xff\xfe\x00\x01", "not a text file"),
    ],
)
def test_malformed_tables(write, text, message):
    with pytest.raises(ParameterError, match=message):
        read_table(write(text), COLUMNS, 2)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(ParameterError, match=r"cannot be read .*No such file"):
        read_table(str(tmp_path / "none.csv"), COLUMNS, 2)
    with pytest.raises(ParameterError, match=r"cannot be read .*directory"):
        read_table(str(tmp_path), COLUMNS, 2)


def test_tables_for_a_fourier_transform_are_sorted_and_even(write):
    x, y = table(write("3,1\n1,0\n2,5\n4,2\n"))
    assert x[:, 0].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert y[:, 0].tolist() == [0.0, 5.0, 1.0, 2.0]
    with pytest.raises(ParameterError, match="evenly spaced points"):
        table(write("1,1\n2,0\n3,5\n5,2\n"))
    with pytest.raises(ParameterError, match="gaps between the x reach from 0"):
        table(write("1,1\n1,0\n2,5\n3,2\n"))
