"""What a recipe file may say, and what is said of one that may not."""

import re
from pathlib import Path

import pytest

from noisefix.errors import UsageError
from noisefix.recipes.file import chosen_steps, options_of, read_recipe, step_values, words_of
from noisefix.recipes.options import RecipeOptions, _read_settings
from noisefix.recipes.plan import make_plan


def plan(tmp_path, text=None, **options):
    path = None
    if text is not None:
        path = tmp_path / "r.toml"
        path.write_text(text)
    return make_plan("data.csv", Path("all"), RecipeOptions(recipe=path, **options))


def lines(made):
    return [" ".join(step.words) for step in made.steps]


def test_without_a_file_the_usual_steps(tmp_path):
    assert lines(plan(tmp_path)) == [
        "noisefix detect data.csv -o all/run --no-config",
        "noisefix apply all/run -o all/cleaned.csv --strategy relabel --no-config",
        "noisefix train all/run -o all/model --no-config",
        "noisefix report all/run -o all/report.html --no-config",
    ]


def test_a_step_with_options_is_done_and_a_key_at_the_top_goes_to_all_that_have_it(tmp_path):
    text = "seed = 3\n[relabel]\nannotator = 'column:b'\ndemonstrations = false\n"
    found = lines(plan(tmp_path, text))
    assert found[1].split()[3:] == [
        *("--seed", "3", "--annotator", "column:b", "--no-demonstrations", "--no-config")
    ]
    assert ["--seed" in line for line in found][:4] == [True, True, False, True]


def test_what_is_typed_wins_over_the_file(tmp_path):
    settings = _read_settings(["detect.labelled_by=people", "seed=5"])
    text = "seed = 3\n[detect]\nlabelled_by = 'model'\nn_folds = 4\n"
    first = plan(tmp_path, text, settings=settings, steps="detect").steps
    assert len(first) == 1
    assert (first[0].options.labelled_by, first[0].options.seed) == ("people", 5)
    assert first[0].options.n_folds == 4


def test_lists_of_values_are_repeated_options(tmp_path):
    text = "[train]\nset = ['head=mlp', 'epochs=3']\n"
    step = plan(tmp_path, text).steps[2]
    assert step.options.parameters == {"head": "mlp", "epochs": 3}
    assert step.words[5:9] == ["--set", "head=mlp", "--set", "epochs=3"]


def test_paths_start_where_the_file_lies(tmp_path):
    folder = tmp_path / "deep"
    folder.mkdir()
    text = (
        "[detect]\nlabels = 'labels.toml'\nembeddings = 'column:emb'\n[apply]\noutput = 'c.csv'\n"
    )
    steps = plan(folder, text).steps
    assert steps[0].options.labels == str(folder / "labels.toml")
    assert steps[0].options.embeddings == ("column:emb",)
    assert steps[1].output == str(folder / "c.csv")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("a.b.tsv", "cleaned.tsv"),
        ("x/data.jsonl.gz", "cleaned.jsonl.gz"),
        ("-", "cleaned.csv"),
        ("https://somewhere.example/d/data.parquet?token=secret", "cleaned.parquet"),
        ("book.xlsx::Sheet 1", "cleaned.xlsx"),
        ("data", "cleaned"),
    ],
)
def test_the_cleaned_table_is_called_as_the_input_ends(data, name):
    made = make_plan(data, Path("all"), RecipeOptions())
    assert made.steps[1].output == f"all/{name}"
    assert "secret" not in made.script()


def test_several_files_are_cleaned_into_a_folder(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("text,label\na,x\n")
    for data in (str(tmp_path), [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]):
        assert make_plan(data, Path("all"), RecipeOptions()).steps[1].output == "all/cleaned"


def test_a_model_is_scored_where_a_table_is_named_and_a_run_where_not(tmp_path):
    text = "[evaluate]\ntruth = 'gold'\n"
    assert "evaluate all/run --truth gold" in plan(tmp_path, text).script()
    text += "data = 'test.csv'\n"
    expected = f"evaluate all/model --truth gold --data {tmp_path}/test.csv"
    assert expected in plan(tmp_path, text).script()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = ['detect', 'wash']", "no step 'wash'"),
        ("steps = ['apply', 'detect']", "keep this order"),
        ("steps = ['apply', 'report']", "begin with detect"),
        ("steps = 3", "must be a list of names"),
        ("[detect]\nlabeled_by = 'people'", "has no option 'labeled_by'"),
        ("[detekt]\nseed = 1", "names no command"),
        ("sead = 1", "no command has an option 'sead'"),
        ("[detect]\nn_folds = 'five'", "n_folds is 'five': it must be a whole number"),
        ("[detect]\nlabelled_by = 'cats'", "is not one of"),
        ("[relabel]\nannotator = 'human'", "no place in a recipe"),
        ("[relabel]\ndry_run = true", "no place in a recipe: it asks nobody"),
        ("[apply]\nformat = 'xlsx'", "no place in a recipe"),
        ("steps = ['detect', 'evaluate']", "the column with the true labels"),
        (
            "steps = ['detect', 'evaluate']\n[evaluate]\ntruth = 'a'\ndata = 'b'",
            "this recipe trains none",
        ),
        ("[detect]\nseed = {a = 1}", "must be a text, a number"),
    ],
)
def test_mistakes_are_said(tmp_path, text, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        plan(tmp_path, text)


@pytest.mark.parametrize("setting", ["seed", "=3", ".seed=3", "detect.=3"])
def test_a_setting_that_is_none(setting):
    with pytest.raises(UsageError, match="is not STEP"):
        _read_settings([setting])


def test_settings_are_read_as_toml_and_else_as_words():
    found = _read_settings(["a.x=3", "a.y=true", "a.z=0.5", "b=two words", "a.w=['p','q']"])
    assert found == {"a": {"x": 3, "y": True, "z": 0.5, "w": ["p", "q"]}, "b": "two words"}


def test_a_noisefix_toml_may_hold_options_of_other_commands(tmp_path):
    path = tmp_path / "noisefix.toml"
    path.write_text("seed = 2\n[check]\nmax_issues = 3\n")
    table, origin = read_recipe(path, None)
    assert chosen_steps(table, origin) == ("detect", "apply", "train", "report")
    assert step_values(table, "detect", origin) == {"seed": 2}


def test_words_and_options_say_the_same():
    values = {"votes": 3, "demonstrations": True, "allow_not": False, "share": 0.5}
    assert words_of("relabel", values) == [
        *("--votes", "3", "--demonstrations", "--share", "0.5"),
    ]
    made = options_of("relabel", values, "here")
    assert (made.votes, made.demonstrations, made.allow_not, made.share) == (3, True, False, 0.5)


def test_no_password_of_an_address_is_printed_or_kept(tmp_path):
    url = "https://bob:hunter2@host.example/v1"
    made = plan(tmp_path, settings={"relabel": {"model": "m", "base_url": url}})
    assert made.steps[1].options.base_url == url
    assert "hunter2" not in made.script()
    assert "hunter2" not in " ".join(made.steps[1].words)
