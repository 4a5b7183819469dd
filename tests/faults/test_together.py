"""Two processes at the same output, clocks that jump, workers that die: the numbers are those of a quiet run."""

from __future__ import annotations

import os
import random
import re
import signal

import pytest
from fault_commands import COMMANDS, SWEEP
from fault_kit import assert_clean


def together(arena, folder, *lines):
    """Answers of commands that start at the same time."""
    return arena(*({"words": words, "cwd": str(folder)} for words in lines))


def test_two_writers_quickly(case_of, arena, tmp_path, tally):
    case = case_of(COMMANDS[0])
    folder = case.folder(tmp_path / "both")
    answers = together(arena, folder, case.command.words, case.command.words)
    codes = sorted(answer["code"] for answer in answers)
    assert codes == [0, 1], "one wins"
    (line,) = filter(None, (assert_clean(answer) for answer in answers))
    assert "exists" in line
    assert case.assert_whole_or_absent(folder) == 2
    tally("pairs of writers", 1)


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [4])
def test_two_writers(command, case, arena, tmp_path, rounds, tally):
    """One wins and one is told, whichever; sweeps and reproductions are told before they start."""
    for number in range(rounds):
        folder = case.folder(tmp_path / str(number))
        answers = together(arena, folder, command.words, command.words)
        lines = [assert_clean(answer, 0, 1, 2) for answer in answers]
        codes = sorted(answer["code"] for answer in answers)
        if command.name.startswith("plot"):  # a figure is drawn again in no time: the later one may replace it
            assert codes in ([0, 0], [0, 1])
        elif command.starts_workers:
            assert codes in ([0, 2], [0, 0]), "at the same time, or one after the other"
        else:
            assert codes == [0, 1]
        assert all(re.search("exists|another (sweep|reproduction) is at work", line) for line in lines if line)
        assert case.assert_whole_or_absent(folder) == len(command.files)
        tally("pairs of writers", 1)


@pytest.mark.slow
def test_two_writers_with_force_and_readers(command, case, arena, tmp_path, tally):
    """Both may replace; who reads meanwhile sees a whole file each time."""
    folder = case.folder(tmp_path / "both")
    assert_clean(arena.run(command.words, folder), 0)
    force = [*command.words, "--force"]
    file = next((name for name in case.command.files if name.endswith(".h5")), command.line.split()[1])
    readers = [["info", "--json", file]] * 3
    answers = together(arena, folder, force, *readers, force)
    first, *seen, second = answers
    for answer in (first, second):
        assert_clean(answer, *((0, 2) if command.starts_workers else (0,)))
    for answer in seen:
        assert_clean(answer, 0)
    assert case.assert_whole_or_absent(folder) == len(command.files)
    tally("pairs of writers", 1)


@pytest.mark.slow
def test_shards_at_the_same_time(arena, tmp_path, case_of, tally):
    """Different shards share the folder; whoever ends last puts all together; the same shard twice is told."""
    (sweep,) = (item for item in COMMANDS if item.name == "sweep")
    case = case_of(sweep)
    words = SWEEP.split()
    answers = together(arena, tmp_path, *([*words, "--shard", shard] for shard in ("1/2", "2/2", "2/2")))
    codes = [answer["code"] for answer in answers]
    for answer in answers:
        assert_clean(answer, 0, 2)
    assert codes[0] == 0
    assert 0 in codes[1:]
    assert case.assert_whole_or_absent(tmp_path) == 2
    tally("pairs of writers", 1)


def jump(case, arena, folder, seed):
    answer = arena.run(case.command.words, folder, clock=seed)
    assert answer["code"] == 0, answer
    for words in ("Traceback", "Error", "nan", "defect"):
        assert words not in answer["err"], answer
    assert not re.search(r"-\d+:|-\d+ (elapsed|left)", answer["err"]), answer["err"]
    assert case.assert_whole_or_absent(folder) == len(case.command.files)


def test_clock_jumps_quickly(case_of, arena, tmp_path, tally):
    case = case_of(COMMANDS[0])
    jump(case, arena, case.folder(tmp_path / "x"), 1)
    tally("clock jumps", 1)


@pytest.mark.slow
def test_clock_jumps(command, case, arena, tmp_path, tally):
    """The wall clock jumps at each look; what is there has dates of the past and of the future."""
    for seed in range(4):
        folder = case.folder(tmp_path / str(seed))
        rng = random.Random(seed)
        for path in folder.rglob("*"):
            stamp = rng.choice((0.0, 4e9))
            os.utime(path, (stamp, stamp))
        jump(case, arena, folder, seed)
        tally("clock jumps", 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sweep", "reproduce"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_worker_that_dies(number, name, arena, tmp_path, case_of, tally):
    """Shot at a random moment: its task is tried again. One that never gets up ends the command with one line."""
    (command,) = (item for item in COMMANDS if item.name == name)
    case, rng, shots = case_of(command), random.Random(int(number)), 0
    reach = case.seconds
    for trial in range(6):
        folder = case.folder(tmp_path / str(trial))
        after = rng.uniform(0.0, reach)
        answer = arena.run(command.words, folder, shoot_after=after, signal=int(number))
        shots += answer["shots"]
        if not answer["shots"]:  # it had ended: this machine is faster now than it was
            reach /= 2.0
        line = assert_clean(answer, 0, 1)
        assert "worker" in line or answer["code"] == 0
        case.assert_whole_or_absent(folder)
        case.assert_recovers(arena, folder)
    tally("workers shot", shots)
    assert shots
