"""The folder of a reproduction: what stands there stays, what is damaged is refused, what cannot be used is told."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

import dmft
from dmft.errors import OutputError
from dmft.reproduction.entry import CHECK_KEYS, KEYS
from dmft.reproduction.folder import Folder
from dmft.reproduction.reproduce import reproduce
from dmft.theory import registry
from dmft.theory.registry import models

ROOT = Path(dmft.__file__).parents[1]


def test_force_keeps_a_result_until_there_is_a_new_one(quick, toy, folder, call, monkeypatch, stamps):
    call()
    before = stamps(folder)

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("dmft.reproduction.reproduce.LocalPool", stopped)
        assert call("--force").exit_code == 130
    assert stamps(folder) == before
    assert call().exit_code == 0
    assert stamps(folder) == before


def test_results_of_the_other_mode_stay(quick, toy, folder, stamps):
    reproduce("toy/obedient:wrong", folder, full=True, jobs=1)
    before = stamps(folder)
    reproduce("toy/obedient:wrong", folder, jobs=1)
    assert len(stamps(folder)) == 2
    reproduce("toy/obedient:wrong", folder, full=True, jobs=1)
    assert stamps(folder).items() >= before.items()


def test_verdicts_of_a_plug_in_that_is_not_there_stay(quick, toy, folder, monkeypatch, stamps):
    reproduce("toy/obedient:right", folder, jobs=1)
    before = stamps(folder)
    with monkeypatch.context() as patch:
        patch.setattr(registry, "_models", {slug: cls for slug, cls in models().items() if slug != "toy/obedient"})
        reproduce("lamb/schedule", folder, jobs=1)
    assert list(Folder(folder).entries()) == ["lamb/schedule:recipe", "toy/obedient:right"]
    assert stamps(folder).items() >= before.items()


def test_figures_that_are_gone_or_damaged_are_left_out_of_the_reports(toy, folder, monkeypatch, in_process):
    monkeypatch.setattr("dmft.reproduction.reproduce.LocalPool", in_process)
    reproduce(["toy/obedient:right", "toy/obedient:wrong"], folder, jobs=1)
    one, two = sorted((folder / "figures").glob("*.png"))
    one.unlink()
    two.write_bytes(two.read_bytes()[:-5])
    done = reproduce("toy/obedient:right", folder, jobs=1)
    assert done.exit_code == 0
    for report in (done.html, done.markdown):
        assert "toy/obedient:wrong" in report.read_text()
        assert ".png" not in report.read_text()
        assert "<img" not in report.read_text()


@pytest.mark.parametrize("change", [
    lambda entry: None,
    lambda entry: {key: value for key, value in entry.items() if key != "verdict"},
    lambda entry: {**entry, "verdict": "confirmee"},
    lambda entry: {**entry, "earlier": "perhaps"},
    lambda entry: {**entry, "seconds": "1.0"},
    lambda entry: {**entry, "seeds": [1, "2"]},
    lambda entry: {**entry, "checks": [{**entry["checks"][0], "passed": 1}]},
    lambda entry: {**entry, "figures": ["../secret.png"]},
    lambda entry: {**entry, "id": "toy/obedient:wrong"},
])  # fmt: skip
def test_a_damaged_verdict_is_refused_and_the_advice_helps(change, quick, toy, folder, stamps):
    done = reproduce("toy/obedient:right", folder, jobs=1)
    path = folder / "results.json"
    content = json.loads(path.read_text())
    (key,) = content["recipes"]
    assert set(content["recipes"][key]) == set(KEYS)
    assert set(content["recipes"][key]["checks"][0]) == set(CHECK_KEYS)
    content["recipes"][key] = change(content["recipes"][key])
    path.write_text(json.dumps(content))
    before = stamps(folder)
    with pytest.raises(OutputError, match=r"results.json is damaged, or not of this program: remove it"):
        reproduce("toy/obedient:right", folder, jobs=1)
    path.unlink()
    assert reproduce("toy/obedient:right", folder, jobs=1).counts == done.counts
    assert stamps(folder) == before


def test_killed_while_the_first_file_was_written(tmp_path):
    """The same command goes on, and no part of a file stays; without the lock, the folder is somebody else's."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / ".dmft-fedcba9876543210.tmp").write_text("half a result")
    (tmp_path / ".dmft-0123456789abcdef.tmp").write_text("{")
    with pytest.raises(OutputError, match="holds something else"), Folder(tmp_path).opened():
        pass
    (tmp_path / "lock").touch()
    with Folder(tmp_path).opened():
        assert sorted(os.listdir(tmp_path)) == ["figures", "lock", "results.json", "runs"]
        assert os.listdir(tmp_path / "runs") == []


def test_folders_that_cannot_be_used(quick, toy, tmp_path, monkeypatch):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="holds something else: give a new or an empty one"):
        reproduce("toy", foreign, jobs=1)
    assert os.listdir(foreign) == ["thesis.tex"]
    with pytest.raises(OutputError, match="is not a folder"):
        reproduce("toy", foreign / "thesis.tex", jobs=1)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "results.json").write_text("{")
    with pytest.raises(OutputError, match="is damaged, or not of this program"):
        reproduce("toy", damaged, jobs=1)
    (damaged / "results.json").write_text('{"schema": "dmft-reproduction", "schema_version": 2, "recipes": {}}')
    with pytest.raises(OutputError, match="is of a newer version of dmft: update, or"):
        reproduce("toy", damaged, jobs=1)

    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("dmft.reproduction.folder.os.open", refuse)
    with pytest.raises(OutputError, match=r"cannot be written to \(Read-only file system\)"):
        reproduce("toy", tmp_path / "new", jobs=1)
