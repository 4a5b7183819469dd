"""Where values come from: defaults < config file < ``--set`` < options."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ParameterError, UnknownNameError
from ..parameters import Declared

#: Parts of a calculation, each with a declaration of its own and a table of that name in a config file.
PARTS = ("parameters", "method", "simulation")
#: Tables that only ``dmft sweep`` reads: swept values, and how they are swept.
SWEEP = ("over", "sweep")
Declarations = Mapping[str, type[Declared]]


@dataclass(frozen=True)
class Config:
    """A config file: ``model``, keys outside of tables (any part), one table per part, and those of sweeps."""

    name: str = ""
    model: str | None = None
    flat: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    over: dict[str, Any] = field(default_factory=dict)
    sweep: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str) -> Config:
        """Read a TOML file.

        Raises
        ------
        ParameterError
            If it cannot be read or is not TOML.
        """
        if not path:
            raise ParameterError("--config '' is not allowed: give the name of a TOML file, e.g. --config run.toml")
        try:
            content = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
            repr(content)  # messages quote values, so what cannot be printed is refused here
        except OSError as error:
            raise ParameterError(f"--config {path} cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ParameterError(f"--config {path} is not TOML: {error}") from None
        except ValueError:
            raise ParameterError(f"--config {path} holds an integer of thousands of digits: shorten it") from None
        except RecursionError:
            raise ParameterError(f"--config {path} is nested too deeply: give plain values") from None
        model = content.pop("model", None)
        if model is not None and not isinstance(model, str):
            raise ParameterError(f'model = {model!r} in {path} is not allowed: give a slug such as model = "sgd"')
        tables = {name: value for name, value in content.items() if isinstance(value, dict)}
        for name in tables:
            if name not in (*PARTS, *SWEEP):
                raise UnknownNameError(f"table in {path}", name, (*PARTS, *SWEEP))
        over, sweep = (tables.pop(name, {}) for name in SWEEP)
        flat = {key: value for key, value in content.items() if not isinstance(value, dict)}
        return cls(path, model, flat, tables, over, sweep)


def gather(
    wanted: Declarations, known: Declarations, config: Config, sets: Iterable[str], given: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Values for each wanted part.

    Parameters
    ----------
    wanted, known : dict
        Declarations of the parts that this command uses, and of all parts of the model if it is known: a config
        file may serve several commands, so a table of a part that is not used only has its names checked.
    sets : iterable of str
        ``key=value`` of ``--set``.
    given : dict
        Options on the command line by name.

    Raises
    ------
    UnknownNameError, ParameterError
    """
    values: dict[str, dict[str, Any]] = {part: {} for part in wanted}
    for key, value in config.flat.items():
        _put(values, wanted, f"key in {config.name}", key, value)
    for part, table in config.tables.items():
        owner = {name: cls for name, cls in {**known, **wanted}.items() if name == part}
        for key, value in table.items() if owner else ():
            _put(values if part in wanted else {part: {}}, owner, f"key in [{part}] of {config.name}", key, value)
    for text in sets:
        key, equals, value = text.partition("=")
        if not equals:
            raise ParameterError(f"--set {text} is not allowed: give --set key=value, e.g. --set alpha=2")
        _put(values, wanted, "--set key", key.strip(), value.strip())
    for key, value in given.items():
        _put(values, wanted, "option", key, value)
    return values


def _put(values: dict[str, dict[str, Any]], owners: Declarations, what: str, key: str, value: Any) -> None:
    """Hand a value to every part that declares its name."""
    name = key.replace("-", "_")
    known: set[str] = set()
    for part, cls in owners.items():
        for item in cls.declared():
            known.add(item.name)
            if item.name == name:
                values[part][name] = value
    if name not in known:
        raise UnknownNameError(what, key, known)
