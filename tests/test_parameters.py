"""One declaration validates everything: what is refused, in which words, and what comes out."""

from __future__ import annotations

import dataclasses
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmft.errors import DMFTError, MemoryLimitError, ParameterError, UnknownNameError
from dmft.parameters import Declared, Interval, declare, digest, redeclare


@dataclasses.dataclass(frozen=True)
class Sample(Declared):
    """One parameter of every kind."""

    share: float = declare(0.3, "b", "a share", bounds="(0, 1]")
    rate: float = declare(0.2, "η", "a rate", bounds="[0, inf)")
    free: float = declare(0.0, "x", "any number")
    maybe: float | None = declare(None, "τ", "a time or nothing", kind=float, bounds="(0, inf)")
    count: int = declare(10, "n", "a number of things", bounds="[1, 100]")
    switch: bool = declare(False, "", "on or off")
    kind: str = declare("soft", "", "which one", choices=("soft", "hard", "square"))
    note: str = declare("-", "", "any text")


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("(0, 1]", (1e-300, 1.0), (0.0, 1.0 + 1e-15, -1.0)),
        ("[0, 1)", (0.0, 1.0 - 1e-15), (1.0, -1e-300)),
        ("[2, inf)", (2.0, 1e308), (1.9999, float("inf"))),
        ("(-inf, inf)", (-1e308, 0.0, 1e308), (float("inf"), float("-inf"))),
        ("(0, inf]", (float("inf"),), (0.0,)),
    ],
)
def test_intervals_are_read_as_mathematicians_write_them(text, inside, outside):
    interval = Interval.parse(text)
    assert all(value in interval for value in inside)
    assert not any(value in interval for value in (*outside, float("nan")))
    assert interval.text == text


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_share_is_taken_exactly_when_it_is_one(value):
    if 0.0 < value <= 1.0:
        assert Sample(share=value).share == value
    else:
        with pytest.raises(ParameterError, match=r"^share = .* is not allowed: give a number in \(0, 1\] \(a share\)$"):
            Sample(share=value)


@given(st.integers())
def test_a_count_is_taken_exactly_when_it_is_in_range(value):
    if 1 <= value <= 100:
        assert Sample(count=value).count == value
    else:
        with pytest.raises(ParameterError, match=r"an integer in \[1, 100\]"):
            Sample(count=value)


@pytest.mark.parametrize("given_", [7, 7.0, "7", " 7 ", "70e-1", np.int8(7), np.float32(7), np.array(7), Fraction(7)])
def test_what_is_a_number(given_):
    made = Sample(count=given_, free=given_)
    assert made.count == made.free == 7
    assert type(made.count) is int
    assert type(made.free) is float


@pytest.mark.parametrize("name", ["free", "count"])
@pytest.mark.parametrize(
    "value",
    [True, False, np.True_, None, "", "none", "seven", "0x7", [7], (7,), {7}, {}, 7j, np.array([7]), np.array("a"),
     np.array(7j), Decimal(7), b"7", object(), float("nan"), float("inf"), "nan", "inf", "-inf", 10**400, "1e999"],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_what_is_no_number(name, value):
    with pytest.raises(ParameterError, match=rf"^{name} = "):
        Sample(**{name: value})


@pytest.mark.parametrize("value", [7.5, "7.5", "75e-1", Fraction(15, 2), np.float64(7.5)])
def test_what_is_no_integer(value):
    with pytest.raises(ParameterError, match=r"count = .* an integer in"):
        Sample(count=value)


@pytest.mark.parametrize("value", [None, "none", "None", "null", "", "  "])
def test_nothing_where_it_is_allowed(value):
    assert Sample(maybe=value).maybe is None


@pytest.mark.parametrize("value", [0.0, -1.0, "soon", True, float("nan")])
def test_something_or_nothing_is_said_in_the_message(value):
    with pytest.raises(ParameterError, match=r"a number in \(0, inf\) or none"):
        Sample(maybe=value)


WORDS = [("true", True), ("Yes", True), ("1", True), ("FALSE", False), ("no", False), ("0", False)]


@pytest.mark.parametrize(("text", "value"), WORDS)
def test_words_for_a_switch(text, value):
    assert Sample(switch=text).switch is value


@pytest.mark.parametrize("value", ["on", "2", 1, 0, 1.0, None, [True]])
def test_what_is_no_switch(value):
    with pytest.raises(ParameterError, match=r"switch = .* true or false"):
        Sample(switch=value)


@pytest.mark.parametrize(("given_", "meant"), [("sqare", "square"), ("Hard", "hard"), ("soff", "soft")])
def test_a_near_choice_is_suggested(given_, meant):
    with pytest.raises(ParameterError, match=f"^kind = unknown value '{given_}': did you mean '{meant}'"):
        Sample(kind=given_)


@pytest.mark.parametrize("value", ["zzz", 3, None, ["soft"], True])
def test_all_choices_are_listed(value):
    with pytest.raises(ParameterError, match=r"hard, .*s") as caught:
        Sample(kind=value)
    assert all(choice in str(caught.value) for choice in ("soft", "hard", "square"))


@pytest.mark.parametrize("value", [3, 1.5, b"text", True])
def test_what_is_no_text(value):
    with pytest.raises(ParameterError, match=r"note = .* text"):
        Sample(note=value)


@pytest.mark.parametrize(("given_", "meant"), [("shares", "share"), ("cout", "count"), ("swich", "switch")])
def test_an_unknown_name_gets_a_suggestion_and_the_list(given_, meant):
    with pytest.raises(UnknownNameError, match=f"unknown parameter '{given_}': did you mean '{meant}'") as caught:
        Sample.from_dict({given_: 1})
    assert all(item.name in str(caught.value) for item in Sample.declared())


def test_an_unlike_name_gets_no_suggestion():
    with pytest.raises(UnknownNameError) as caught:
        Sample.from_dict({"xyzzy": 1})
    assert "did you mean" not in str(caught.value)


@given(
    st.builds(
        Sample,
        share=st.floats(1e-9, 1.0), rate=st.floats(0.0, 1e9), free=st.floats(-1e300, 1e300),
        maybe=st.none() | st.floats(1e-9, 1e9), count=st.integers(1, 100), switch=st.booleans(),
        kind=st.sampled_from(["soft", "hard", "square"]), note=st.text(min_size=1).filter(lambda text: text.strip()),
    )
)  # fmt: skip
def test_values_survive_a_round_trip(made):
    if made.note.strip().lower() in ("none", "null"):
        return
    values = made.as_dict()
    assert Sample.from_dict(values) == made
    assert digest(values) == digest(dict(reversed(list(values.items()))))
    assert len(digest(values)) == 8
    as_text = {name: value if isinstance(value, (str, type(None))) else str(value) for name, value in values.items()}
    assert Sample.from_dict(as_text) == made, "the text of a command line or a file means the same"


def test_digests_differ():
    assert digest({"a": 1.0}) != digest({"a": 1.0000000000000002}) != digest({"b": 1.0})


def test_instances_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Sample().count = 3


def test_declarations_know_their_names_and_options():
    names = [item.name for item in Sample.declared()]
    assert names == [field.name for field in dataclasses.fields(Sample)]
    assert Sample.declared()[0].option == "--share"
    assert dataclasses.replace(Sample.declared()[0], name="batch_fraction").option == "--batch-fraction"
    assert math.isclose(Sample.declared()[0].default, 0.3)


@pytest.mark.parametrize(
    ("error", "base", "code"),
    [
        (ParameterError("x"), ValueError, 2),
        (UnknownNameError("x", "y", "z"), LookupError, 2),
        (MemoryLimitError("x"), MemoryError, 2),
    ],
)
def test_errors_are_what_python_expects_and_ours(error, base, code):
    assert isinstance(error, base)
    assert isinstance(error, DMFTError)
    assert error.exit_code == code
    assert not str(error).startswith("'")


def test_redeclared_default_keeps_the_rest_of_the_declaration():
    @dataclasses.dataclass(frozen=True)
    class Other(Sample):
        share: float = redeclare(Sample, "share", 0.8)

    other, usual = ({item.name: item for item in cls.declared()} for cls in (Other, Sample))
    assert Other().share == 0.8
    assert list(other) == list(usual)
    assert dataclasses.replace(other["share"], default=0.3) == usual["share"]
    with pytest.raises(ParameterError, match="share = -1"):
        Other(share=-1.0)


def test_a_redeclared_default_is_not_told_twice():
    doc = "ridge (weight decay) [0.1; on the sphere: 0], as in the paper"

    @dataclasses.dataclass(frozen=True)
    class Usual(Declared):
        ridge: float | None = declare(None, "λ", doc, kind=float)

    assert redeclare(Usual, "ridge", 0.0).metadata["parameter"].doc == "ridge (weight decay), as in the paper"
    assert redeclare(Usual, "ridge", None).metadata["parameter"].doc == doc
