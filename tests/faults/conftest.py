"""Every command of the table under fire, and the count of what was done to it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # this folder is no package; its modules are called fault_*
from fault_commands import COMMANDS, Command
from fault_kit import Arena, Case, assert_clean, content


def pytest_generate_tests(metafunc):
    """Every command is slow together; the first alone stands for all in the fast suite."""
    if "command" in metafunc.fixturenames:
        rows = [pytest.param(item, marks=pytest.mark.slow) for item in COMMANDS]
        metafunc.parametrize("command", rows, ids=lambda item: item.name.replace(" ", "-"))


@pytest.fixture(scope="session")
def arena() -> Iterator[Arena]:
    made = Arena()
    yield made
    made.close()


@pytest.fixture(scope="session")
def case_of(arena: Arena, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Command], Case]:
    """The case of a command; prepared once."""
    made: dict[str, Case] = {}

    def prepare(command: Command) -> Case:
        if command.name not in made:
            root = tmp_path_factory.mktemp("case")
            template = root / "template"
            template.mkdir()
            for line in command.before:
                assert_clean(arena.run(line.split(), template), 0)
            folder = Path(shutil.copytree(template, root / "whole"))
            assert_clean(arena.run(command.words, folder), 0)  # kernels are compiled, fonts are found
            found = [[str(path.relative_to(folder)) for path in folder.glob(name)] for name in command.files]
            assert [len(names) for names in found] == [1] * len(found), "every pattern fits one file"
            command = replace(command, files=tuple(names[0] for names in found))
            again = Path(shutil.copytree(template, root / "again"))
            answer = arena.run(command.words, again)
            assert_clean(answer, 0)
            whole = {name: content(folder / name) for name in command.files}
            assert whole == {name: content(again / name) for name in command.files}, "same command, same content"
            sizes = {name: (folder / name).stat().st_size for name in command.files}
            made[command.name] = Case(command, template, whole, answer["seconds"], answer["writes"], sizes)
        return made[command.name]

    return prepare


@pytest.fixture
def case(command: Command, case_of: Callable[[Command], Case]) -> Case:
    return case_of(command)


@pytest.fixture
def tally(record_property: Callable[[str, int], None]) -> Callable[[str, int], None]:
    """Count what was done; the sums stand at the end of the session (see ``tests/conftest.py``)."""

    def add(what: str, number: int) -> None:
        record_property(f"faults: {what}", number)

    return add
