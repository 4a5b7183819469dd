"""Truncated and spoilt files: a clear error, or exactly the numbers that were written; no crash, no endless loop."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from fault_commands import REPRODUCE, SWEEP
from fault_kit import DOCUMENTED, numbers

FILES = {
    "run": "solve sgd/ridge --steps 8 -o whole.h5 --no-figure",
    "comparison": "compare sgd --steps 5 --paths 256 --size 40,60 --replicas 3 -o whole.h5 --no-figure",
    "sweep": SWEEP.replace("phase.h5", "whole.h5 --no-figure"),
}
#: Lines that read a file, and what they write.
READERS = {
    "info": ("info --json spoilt.h5", ()),
    "plot": ("plot spoilt.h5 -o spoilt.png", ("spoilt.png",)),
    "compare": ("compare spoilt.h5 --size 40 --replicas 2 -o made.h5 --no-figure", ("made.h5",)),
}


@pytest.fixture(scope="module")
def whole(arena, tmp_path_factory):
    """Path of a whole file by kind."""
    made: dict[str, Path] = {}

    def make(kind):
        if kind not in made:
            folder = tmp_path_factory.mktemp("whole")
            answer = arena.run(FILES[kind].split(), folder)
            assert answer["code"] == 0, answer
            made[kind] = folder / "whole.h5"
        return made[kind]

    return make


def read_all(arena, source, folder, line, count, *, seed=0, remove=(), digest=True, target="spoilt.h5"):
    """Exit code, stdout, stderr and digest of each variant; a child that dies or hangs is an error of its own."""
    rows, first = [], 0
    while first < count:
        task = {
            "cwd": str(folder), "source": str(source), "target": target, "words": line.split(), "count": count,
            "first": first, "seed": seed, "remove": list(remove), "numbers": digest, "kill_after": 60.0,
        }  # fmt: skip
        (answer,) = arena(task)
        rows += [json.loads(text) for text in answer["out"].splitlines()]
        if answer["code"] != 0:
            number = rows[-1][0] + 1 if rows else first
            raise AssertionError(f"variant {number} of {source} ended {line} with {answer['code']}: {answer['err']}")
        first = rows[-1][0] + 1
    assert len(rows) == count
    return rows


def check(rows, expected, digest, tally):
    """Every row is an error of one line, or what a whole file gives."""
    refused = 0
    for number, kind, code, out, err, found in rows:
        where = f"variant {number} ({kind}): {code} {err}"
        assert code in DOCUMENTED, where
        assert "Traceback" not in err, where
        assert "defect" not in err, where
        if code in (1, 2):
            assert len(err.splitlines()) == 1, where
            assert err.startswith("dmft: error: "), where
            assert out == "", where
            refused += 1
        else:
            assert found == digest, where
            assert expected is None or (code, out, err) == expected, where
    tally("spoilt files", len(rows))
    tally("spoilt files that were refused", refused)
    return refused


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize(
    ("reader", "count"),
    [
        pytest.param("info", 24),
        pytest.param("info", 480, marks=pytest.mark.slow),
        pytest.param("plot", 48, marks=pytest.mark.slow),
        pytest.param("compare", 32, marks=pytest.mark.slow),
    ],
)
def test_spoilt_results(kind, reader, count, whole, arena, tmp_path, tally):
    if kind != "run" and (count == 24 or reader == "compare"):
        pytest.skip("the file of a run stands for all here")
    source, (line, made) = whole(kind), READERS[reader]
    shutil.copy(source, tmp_path / "spoilt.h5")
    good = arena.run(line.split(), tmp_path)
    expected = (good["code"], good["out"], good["err"]) if reader != "compare" else None  # which tells seconds
    for name in made:
        (tmp_path / name).unlink()
    rows = read_all(arena, source, tmp_path, line, count, remove=made)
    assert check(rows, expected, numbers(source), tally) > count / 2, "most of the file matters"


@pytest.mark.slow
@pytest.mark.parametrize("target", ["point", "manifest", "error"])
def test_spoilt_points(target, arena, tmp_path, tally):
    """The same command ends the sweep with the right numbers, or says what to do; shards are put together alike."""
    count, line = 24, f"{SWEEP} --no-figure"
    if target == "error":  # the sphere takes the place of ridge
        line = line.replace("sgd/ridge", "sgd").replace("alpha=1:3:4", "sphere=true,false --ridge 0.1 --paths 256")
    good = arena.run(line.split(), tmp_path)
    assert good["code"] == (5 if target == "error" else 0)
    digest, points = numbers(tmp_path / "phase.h5"), tmp_path / "phase.h5.points"
    source = {
        "point": lambda: sorted(points.glob("*.npz"))[1],
        "manifest": lambda: points / "sweep.json",
        "error": lambda: next(points.glob("*.error")),
    }[target]()
    whole = Path(shutil.copy(source, tmp_path / "whole"))
    (tmp_path / "phase.h5").unlink()
    name = str(source.relative_to(tmp_path))
    refused = 0
    for number in range(count):
        (row,) = read_all(arena, whole, tmp_path, line, 1, seed=number, target=name, digest=False)
        code, err = row[2], row[4]
        assert "Traceback" not in err + row[3]
        assert code in ((2,) if target == "manifest" else ()) + (good["code"],), row
        if code == 2:
            assert err.startswith("dmft: error: "), row
            refused += 1
            shutil.copy(whole, source)
        else:
            assert numbers(tmp_path / "phase.h5") == digest, row
            (tmp_path / "phase.h5").unlink()
    tally("spoilt files", count)
    tally("spoilt files that were refused", refused)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["runs/*.h5", "results.json"])
def test_spoilt_reproduction(target, arena, tmp_path, tally):
    """A result is calculated anew, damaged verdicts are refused; what is judged is the same as in a whole folder."""
    count, words = 24, [*REPRODUCE.split(), "--json"]
    assert arena.run([*words, "bn-weight-decay/jumps"], tmp_path)["code"] == 0  # verdicts of others must be whole, too
    good = arena.run(words, tmp_path)
    assert good["code"] == 0
    (source,) = (item for item in (tmp_path / "papers").glob(target) if "jumps" not in item.name)
    whole = Path(shutil.copy(source, tmp_path / "whole"))
    refused = 0
    for number in range(count):
        name = str(source.relative_to(tmp_path))
        (row,) = read_all(arena, whole, tmp_path, shlex.join(words), 1, seed=number, target=name, digest=False)
        code, out, err = row[2:5]
        assert "Traceback" not in out + err, row
        if code == 1:
            assert target == "results.json", row
            assert err.startswith("dmft: error: papers/results.json is damaged"), row
            assert len(err.splitlines()) == 1, row
            refused += 1
        else:
            assert (code, err) == (0, ""), row
            assert judged(out) == judged(good["out"]), row
        if target != "results.json":
            assert numbers(source) == numbers(whole), row
        shutil.copy(whole, source)
    tally("spoilt files", count)
    tally("spoilt files that were refused", refused)
    assert (refused > 0) == (target == "results.json")


def judged(out):
    """What a reproduction has found, less the time."""
    return [{**entry, "seconds": 0.0, "judged": ""} for entry in json.loads(out)["recipes"]]


@pytest.mark.slow
def test_spoilt_config(arena, tmp_path, tally):
    """Another valid configuration, or one line."""
    source = tmp_path / "whole.toml"
    source.write_text('model = "sgd"\nalpha = 2.0\n[method]\npaths = 512\nseed = 3\n[parameters]\nloss = "square"\n')
    line = "solve --config spoilt.toml --dry-run --no-figure"
    rows = read_all(arena, source, tmp_path, line, 320, digest=False, target="spoilt.toml")
    for number, kind, code, _, err, _ in rows:
        assert code in (0, 2), (number, kind, err)
        assert "Traceback" not in err
        assert (code == 2) == err.startswith("dmft: error: "), (number, kind, err)
    tally("spoilt files", len(rows))
