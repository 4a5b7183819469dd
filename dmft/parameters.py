"""One declaration of a parameter drives validation, CLI options, config files, HDF5 attributes and docs.

A model (physics) and a method (numerics) are both frozen dataclasses whose fields are made with
:func:`declare`; the base class :class:`Declared` validates every value when an instance is made.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import numbers
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from .errors import ParameterError, UnknownNameError

Self = TypeVar("Self", bound="Declared")
_NOTHING = ("none", "null", "")


@dataclasses.dataclass(frozen=True)
class Interval:
    """Allowed range of a number, written as mathematicians do: ``(0, 1]``, ``[0, inf)``."""

    text: str
    low: float
    high: float
    low_open: bool
    high_open: bool

    @classmethod
    def parse(cls, text: str) -> Interval:
        """Read it as it is written."""
        low, high = (float(part) for part in text[1:-1].split(","))
        return cls(text, low, high, text[0] == "(", text[-1] == ")")

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below


@dataclasses.dataclass(frozen=True)
class Parameter:
    """The declaration of one parameter. ``default=None`` means that the model chooses (see ``doc``)."""

    name: str
    kind: type
    default: Any
    symbol: str
    doc: str
    unit: str = ""
    bounds: Interval | None = None
    choices: tuple[str, ...] = ()
    custom: Callable[[Any], bool] | None = None

    @property
    def option(self) -> str:
        """Name on the command line, e.g. ``--batch-fraction``."""
        return "--" + self.name.replace("_", "-")

    @property
    def allowed(self) -> str:
        """Allowed values in words, for error messages and tables."""
        if self.choices:
            text = "one of " + ", ".join(self.choices)
        elif self.kind is bool:
            text = "true or false"
        else:
            noun = {int: "an integer", float: "a number", str: "text"}[self.kind]
            text = f"{noun} in {self.bounds.text}" if self.bounds else noun
        return text + (" or none" if self.default is None else "")

    def validate(self, value: Any) -> Any:
        """Return `value` as this parameter's type.

        Raises
        ------
        ParameterError
            If the value has the wrong type, is not finite or lies outside the bounds.
        """
        if self.custom is not None and self.custom(value):
            return value
        if value is None or (isinstance(value, str) and value.strip().lower() in _NOTHING):
            if self.default is None:
                return None
            raise self._error(value)
        if self.choices:
            if isinstance(value, str) and value in self.choices:
                return value
            if isinstance(value, str):
                raise ParameterError(f"{self.name} = " + str(UnknownNameError("value", value, self.choices)))
            raise self._error(value)
        return self._number(value) if self.kind in (int, float) else self._other(value)

    def _number(self, value: Any) -> int | float:
        if isinstance(value, str):
            value = _typed(value)
        given, value = value, value.item() if _is_scalar_array(value) else value
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise self._error(given)
        try:
            number = float(value)
        except OverflowError:
            raise self._error(given) from None
        if not math.isfinite(number) or (self.kind is int and number != int(number)):
            raise self._error(given)
        if self.bounds is not None and number not in self.bounds:
            raise self._error(given)
        return number if self.kind is float else int(value)  # type: ignore[call-overload]  # a Real may be any class

    def _other(self, value: Any) -> Any:
        if self.kind is bool and isinstance(value, str):
            words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
            value = words.get(value.lower(), value)
        if isinstance(value, self.kind):
            return value
        raise self._error(value)

    def _error(self, value: Any) -> ParameterError:
        return ParameterError(f"{self.name} = {value!r} is not allowed: give {self.allowed} ({self.doc})")


def _typed(text: str) -> Any:
    """A number instead of its text, so that ``1e4`` is an integer and messages quote no numbers."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def _is_scalar_array(value: Any) -> bool:
    return getattr(value, "shape", None) == () and getattr(value, "dtype", None) is not None


def declare(
    default: Any,
    symbol: str,
    doc: str,
    *,
    kind: type | None = None,
    unit: str = "",
    bounds: str | None = None,
    choices: tuple[str, ...] = (),
    custom: Callable[[Any], bool] | None = None,
) -> Any:
    """Declare a dataclass field as a parameter (`bounds` like ``"(0, 1]"``)."""
    kind = kind or type(default)
    interval = Interval.parse(bounds) if bounds else None
    made = Parameter("", kind, default, symbol, doc, unit, interval, choices, custom)
    return dataclasses.field(default=default, metadata={"parameter": made})


def redeclare(cls: type[Declared], name: str, default: Any) -> Any:
    """The field `name` of `cls` with another default, for a subclass that is about another regime.

    Brackets in the doc, which tell the default of the field in `cls` where that depends on others, are left out.
    """
    (made,) = (item for item in cls.declared() if item.name == name)
    doc = re.sub(r" \[[^]]*\]", "", made.doc) if default is not None else made.doc
    made = dataclasses.replace(made, name="", default=default, doc=doc)
    return dataclasses.field(default=default, metadata={"parameter": made})


class Declared:
    """Base of frozen dataclasses whose fields are declared parameters."""

    def __post_init__(self) -> None:
        for item in self.declared():
            object.__setattr__(self, item.name, item.validate(getattr(self, item.name)))
        self.check()

    def check(self) -> None:
        """Check conditions that involve several parameters; fill in defaults that depend on others."""

    def resolve(self, **values: Any) -> None:
        """Set fields that were left ``None`` to the value that this instance implies (in :meth:`check`)."""
        for name, value in values.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)

    @classmethod
    @functools.cache
    def declared(cls) -> tuple[Parameter, ...]:
        """The declarations of all parameters, in order."""
        return tuple(
            dataclasses.replace(field.metadata["parameter"], name=field.name)
            for field in dataclasses.fields(cls)  # type: ignore[arg-type]
            if "parameter" in field.metadata
        )

    @classmethod
    def from_dict(cls: type[Self], values: Mapping[str, Any]) -> Self:
        """Make an instance from names and values.

        Raises
        ------
        UnknownNameError
            If a name is not declared; the nearest declared name is suggested.
        """
        known = {item.name for item in cls.declared()}
        for name in values:
            if name not in known:
                raise UnknownNameError("parameter", name, known)
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """All values as plain numbers and strings, ready for JSON."""
        values = {item.name: getattr(self, item.name) for item in self.declared()}
        return {
            name: value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
            for name, value in values.items()
        }


def digest(*parts: Any, length: int = 8) -> str:
    """Short stable name (`length` hex digits) for a JSON-like description."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:length]
