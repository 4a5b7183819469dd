"""kill −9 at random moments and in the middle of random writes: whole or absent, and the next try succeeds."""

from __future__ import annotations

import random

import pytest
from fault_commands import COMMANDS
from fault_kit import KILLED

TRIALS = 18


def kill(count, case, arena, path, tally):
    command = case.command
    rng, killed = random.Random(f"{command.name} {count}"), 0
    for trial in range(count):
        folder = case.folder(path / str(trial))
        if trial % 2:
            task = {"kill_after": rng.uniform(0.0, 0.8 * case.seconds)}
        else:
            task = {"bomb": rng.randint(1, case.writes)}
        answer = arena.run(command.words, folder, **task)
        assert answer["code"] in (KILLED, 0)
        killed += answer["code"] == KILLED
        case.assert_whole_or_absent(folder)
        case.assert_recovers(arena, folder)
    tally("kill -9", killed)
    assert killed >= count / 2, "the bombs went off"


def test_killed(command, case, arena, tmp_path, tally):
    kill(TRIALS, case, arena, tmp_path, tally)


def test_killed_quickly(case_of, arena, tmp_path, tally):
    kill(2, case_of(COMMANDS[0]), arena, tmp_path, tally)


@pytest.mark.slow
def test_results_that_stand_survive(command, case, arena, tmp_path, tally):
    """Killed while it replaces an earlier result: the earlier or the new one, never a part."""
    folder = case.folder(tmp_path / "twice")
    assert arena.run(command.words, folder)["code"] == 0
    rng = random.Random(command.name)
    for _ in range(4):
        answer = arena.run([*command.words, "--force"], folder, bomb=rng.randint(1, case.writes))
        tally("kill -9", answer["code"] == KILLED)
        assert case.assert_whole_or_absent(folder) == len(command.files)
