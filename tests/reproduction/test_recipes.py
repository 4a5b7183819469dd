"""The declarations: every family and every slug is there, every line is a valid command, names lead to recipes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dmft.cli import cli
from dmft.errors import DMFTError, ParameterError, UnknownNameError
from dmft.reproduction import catalog
from dmft.reproduction.catalog import recipes, select
from dmft.reproduction.plan import plan
from dmft.results.checks import Between
from dmft.results.claims import Pick
from dmft.theory.recipe import Recipe, Task
from dmft.theory.registry import models


def test_every_slug_has_a_recipe_that_fast_does():
    done = {item.slug for item in recipes().values() if not item.long}
    assert done == set(models())


@pytest.mark.parametrize("full", [False, True])
def test_every_task_is_allowed(full):
    assert [(item.recipe.id, item.refused) for item in plan(list(recipes().values()), full) if item.refused] == []


@pytest.mark.parametrize("full", [False, True])
def test_every_command_is_a_valid_line(full):
    lines = {tuple(task.at(full).words()) for item in recipes().values() for task in item.tasks}
    for _, name, *words in lines:
        command = cli.get_command(None, name)
        context = command.make_context(name, list(words))  # raises what the user would see
        assert context.params["selection"].model.slug == words[0]


def test_checks_name_tasks_and_observables_that_exist():
    def picks(value):
        if isinstance(value, Pick):
            yield value
        elif isinstance(value, tuple):
            for item in value:
                yield from picks(item)

    for item in recipes().values():
        tasks = {task.name: task for task in item.tasks}
        first = next(iter(item.tasks))
        for check in item.checks:
            assert getattr(check, "task", "") in {"", *tasks}, item.id
            for pick in picks(tuple(vars(check).values())):
                task = tasks[pick.task] if pick.task else first
                assert pick.name in {known.name for known in models()[task.slug].observables}, (item.id, pick.name)


def test_claims_are_sentences_with_a_source():
    for item in recipes().values():
        assert item.claim.endswith("."), item.id
        assert item.reference, item.id


def test_a_family_is_all_its_variants_and_names_can_be_mixed():
    assert {item.slug for item in select(["lamb"])} == {slug for slug in models() if slug.partition("/")[0] == "lamb"}
    assert {item.slug for item in select(["sgd/ridge"])} == {"sgd/ridge"}
    assert [item.id for item in select(["lamb:bounds"])] == ["lamb:bounds"]
    both = select(["p-spin", "lamb/schedule", "lamb:bounds"])
    assert [item.slug for item in both] == [
        "lamb",
        "lamb/schedule",
        *["p-spin"] * (len(both) - 2),
    ]  # order of the models
    assert len(select([])) == len(recipes())


@pytest.mark.parametrize(
    ("given", "near"), [("lamp", "lamb"), ("sgd/rigde", "sgd/ridge"), ("lamb:bound", "lamb:bounds")]
)
def test_an_unknown_name_suggests_the_nearest(given, near):
    with pytest.raises(UnknownNameError, match=f"did you mean '{near}'"):
        select([given])


def test_a_plug_in_brings_its_own(toy):
    assert next(item.id for item in select(["toy"])) == "toy/obedient:right"


def test_a_model_without_recipes_says_so(toy, monkeypatch):
    monkeypatch.setattr(models()["toy/obedient"], "recipes", None)
    with pytest.raises(ParameterError, match="toy has no recipes to reproduce"):
        select(["toy"])


def test_broken_recipes_of_a_plug_in_do_not_take_the_others_down(toy, monkeypatch):
    def broken(name):
        if name == "dmft_toy_recipes":
            raise DMFTError("no checks")
        return real(name)

    real = catalog.import_module
    monkeypatch.setattr(catalog, "import_module", broken)
    with pytest.warns(UserWarning, match="dmft_toy_recipes could not be loaded: no checks"):
        assert "lamb:bounds" in recipes()


def test_declarations_are_checked():
    task = Task("solve", "lamb")
    with pytest.raises(DMFTError, match="none of solve, simulate, compare, sweep"):
        Task("dissolve", "lamb")
    with pytest.raises(DMFTError, match="says what it goes over"):
        Task("sweep", "lamb")
    with pytest.raises(DMFTError, match="expected 'yes' is none of"):
        Recipe("lamb", "a", "", "", [task], [Between(Pick("x"))], expected="yes")
    with pytest.raises(DMFTError, match="names of their own"):
        Recipe("lamb", "a", "", "", [task, task], [Between(Pick("x"))])


def test_the_list_of_models_does_not_import_recipes():
    code = "import sys, dmft; dmft.models(); print([n for n in sys.modules if n.startswith('dmft.theory.recipes.')])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
