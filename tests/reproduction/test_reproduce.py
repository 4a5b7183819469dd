"""A reproduction from end to end on a toy: verdicts, resumption, regressions, failures, folders; and the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import dmft
from dmft.cli import cli
from dmft.errors import ParameterError, StoreError
from dmft.reproduction import plan
from dmft.reproduction.folder import Folder
from dmft.reproduction.reproduce import needs, reproduce

ROOT = Path(dmft.__file__).parents[1]
VERDICTS = {
    "right": "confirmed", "half": "partly", "wrong": "not confirmed", "random": "confirmed", "swept": "confirmed",
    "long": "not run",
}  # fmt: skip


def verdicts(done):
    return {entry["id"].partition(":")[2]: entry["verdict"] for entry in done.entries}


def test_verdicts_and_files(toy, folder, quick, stamps):
    done = dmft.reproduce("toy", folder, jobs=1)
    assert verdicts(done) == VERDICTS
    assert done.exit_code == 0
    runs = stamps(folder)
    assert len(runs) == 5  # right and half share theirs
    for path in runs:
        assert dmft.load(folder / "runs" / path).provenance["command"].startswith(("dmft solve", "dmft sweep"))
    content = json.loads((folder / "results.json").read_text())
    assert (content["schema"], content["schema_version"]) == ("dmft-reproduction", 1)
    assert list(content["recipes"]) == [entry["id"] for entry in done.entries]


@pytest.mark.slow
def test_numbers_do_not_depend_on_jobs(toy, tmp_path, stamps):
    names = ["toy/obedient:random", "toy/obedient:wrong"]
    done = {jobs: reproduce(names, tmp_path / str(jobs), jobs=jobs) for jobs in (1, 2)}
    facts = {jobs: [[entry["checks"], entry["runs"]] for entry in item.entries] for jobs, item in done.items()}
    assert facts[1] == facts[2]
    for name in stamps(tmp_path / "1"):
        one, two = (dmft.load(tmp_path / jobs / "runs" / name) for jobs in "12")
        for key in one:
            assert one[key].values.tobytes() == two[key].values.tobytes()
        assert (tmp_path / "2" / "figures" / name).with_suffix(".pdf").exists()


def test_full_does_the_long_ones(quick, toy, folder):
    done = reproduce("toy/obedient:long", folder, full=True, jobs=1)
    assert verdicts(done) == {"long": "confirmed"}


def test_a_second_call_calculates_nothing_and_force_everything(quick, toy, folder, call, stamps):
    call()
    before = stamps(folder)
    call()
    assert stamps(folder) == before
    call("--force")
    after = stamps(folder)
    assert after.keys() == before.keys()
    assert all(after[name] > before[name] for name in after)


def test_other_code_is_calculated_anew_and_old_files_go(quick, toy, folder, monkeypatch, stamps):
    reproduce("toy/obedient:right", folder, jobs=1)
    (old,) = stamps(folder)
    monkeypatch.setattr(plan, "code_version", lambda: "another")
    reproduce("toy/obedient:right", folder, jobs=1)
    (new,) = stamps(folder)
    assert new != old


def test_a_claim_that_fails_now_is_a_regression(quick, toy, folder, call):
    assert call("--json").exit_code == 0
    toy(claim="3")
    second = call("--json")
    found = {entry["id"].partition(":")[2]: entry["regression"] for entry in json.loads(second.stdout)["recipes"]}
    assert second.exit_code == 4
    assert found == {**dict.fromkeys(VERDICTS, ""), "right": "confirmed before"}
    assert "is not confirmed, but confirmed before" in second.stderr
    assert "REGRESSION" in (folder / "report.md").read_text()
    assert call().exit_code == 4  # a second try does not mend it
    toy(claim="2")
    assert call().exit_code == 0


def test_a_better_verdict_before_counts_even_where_less_is_expected(quick, toy, folder):
    reproduce("toy/obedient:half", folder, jobs=1)
    path = folder / "results.json"
    path.write_text(path.read_text().replace('"verdict": "partly"', '"verdict": "confirmed"'))
    done = reproduce("toy/obedient:half", folder, jobs=1)
    assert done.entries[0]["regression"] == "confirmed before"
    assert done.exit_code == 4


@pytest.mark.parametrize(
    ("bad", "code", "verdict", "words"),
    [
        ("raises", 1, "error", "ZeroDivisionError: no such luck"),
        ("hoped", 4, "not confirmed", ""),
        ("refused", 1, "error", "exponent = 'two' is not allowed"),
        ("blind", 1, "error", "nothing is not among the results"),
        ("diverges", 3, "not converged", "diverged: done"),
    ],
)
def test_a_recipe_that_fails_is_a_line_and_the_others_go_on(quick, toy, folder, bad, code, verdict, words):
    toy(bad=bad)
    done = reproduce(["toy/obedient:right", f"toy/obedient:{bad}"], folder, jobs=1)
    assert verdicts(done) == {"right": "confirmed", bad: verdict}
    assert words in done.entries[1]["message"]
    assert done.exit_code == code
    assert verdict in (folder / "report.md").read_text()


def start(toy, folder, seconds, stamps):
    plugin = toy(seconds=str(seconds))
    code = (
        "import dmft_toy\nfrom dmft.reproduction.reproduce import reproduce\n"
        f"done = reproduce('toy', {str(folder)!r}, jobs=1)\nprint(len(done.entries), len(done.missing), done.exit_code)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(plugin), str(ROOT)])}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    for _ in range(1500):
        if len(stamps(folder)) >= 2:
            return process
        time.sleep(0.02)
    process.kill()
    raise AssertionError("no results")


@pytest.mark.slow
def test_killed_and_resumed(toy, folder, monkeypatch, in_process, stamps):
    process = start(toy, folder, 0.4, stamps)
    with pytest.raises(StoreError, match=f"another reproduction is at work.*process {process.pid}"):
        reproduce("toy", folder, jobs=1)
    process.kill()
    process.communicate()
    before = stamps(folder)
    assert 2 <= len(before) < 5
    monkeypatch.setattr("dmft.reproduction.reproduce.LocalPool", in_process)
    done = reproduce("toy", folder, jobs=1)
    after = stamps(folder)
    assert verdicts(done) == VERDICTS
    assert {name: after[name] for name in before} == before


@pytest.mark.slow
def test_interrupt_keeps_what_is_finished(toy, folder, stamps):
    process = start(toy, folder, 0.4, stamps)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    done, missing, code = map(int, out.split())
    assert code == 130
    assert done + missing == len(VERDICTS)
    assert missing > 0
    assert (folder / "report.html").exists()


def test_dry_run_tells_and_does_nothing(quick, toy, folder, call):
    answer = call("--dry-run")
    assert answer.exit_code == 0
    assert not folder.exists()
    assert "toy/obedient:long" in answer.stdout
    assert "only with --full" in answer.stdout
    reproduce("toy/obedient:right", folder, jobs=1)
    rows = {row["id"].partition(":")[2]: row["note"] for row in needs(["toy"], folder, False, 1)["recipes"]}
    assert (rows["right"], rows["half"], rows["wrong"]) == ("done", "done", "")


@pytest.mark.slow
def test_a_full_disk_is_one_line(toy, folder):
    plugin = toy()
    code = (
        "import resource, sys, dmft_toy, dmft\nfrom dmft.reproduction.reproduce import reproduce\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, resource.RLIM_INFINITY))\n"
        f"try:\n    reproduce('toy', {str(folder)!r}, jobs=1)\n"
        "except dmft.DMFTError as error:\n    sys.exit(str(error))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(plugin), str(ROOT)])}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert answer.returncode == 1
    (line,) = answer.stderr.splitlines()
    assert line.startswith(f"cannot write {folder}")
    assert "there is not enough space" in line
    found = Folder(folder).entries()  # what was judged before is whole
    assert {key.partition(":")[2]: entry["verdict"] for key, entry in found.items()}.items() <= VERDICTS.items()


def test_wrong_use(call, toy, folder):
    with pytest.raises(ParameterError, match="names = 5 is not allowed"):
        dmft.reproduce(5, folder)
    with pytest.raises(ParameterError, match="output = 5 is not allowed"):
        dmft.reproduce("toy", 5)
    with pytest.raises(ParameterError, match="jobs = 0 is not allowed"):
        reproduce("toy", folder, jobs=0)
    answer = CliRunner().invoke(cli, ["reproduce", "lamp", "-o", str(folder)])
    assert answer.exit_code == 2
    assert answer.stderr.startswith("dmft: error: unknown model or recipe 'lamp': did you mean 'lamb'?")
    assert not folder.exists()


@pytest.mark.slow
def test_all_papers_fast(tmp_path):
    done = reproduce(output=tmp_path / "papers")
    assert [(entry["id"], entry["verdict"], entry["message"]) for entry in done.entries if entry["regression"]] == []
    assert done.exit_code == 0
