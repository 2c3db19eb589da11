"""No command writes over what it reads: found for every option, whoever adds one."""

from __future__ import annotations

import inspect
import os
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
import typer

from noisefix.cli import app
from noisefix.cli.paths import KEEPS, READS, REPLACES, WRITES, Role, guarded, path_roles
from noisefix.errors import UsageError

REQUIRED = {"truth": "x"}
"""Values of required options that are no paths."""

WRITTEN = [
    (command, name, role)
    for command, function in app.COMMANDS.items()
    for name, role in path_roles(function).items()
    if role is not READS
]
LINKS = {
    "itself": lambda path, link: path,
    "relative": lambda path, link: Path(os.path.relpath(path)),
    "symlink": lambda path, link: link.symlink_to(path) or link,
    "hard link": lambda path, link: link.hardlink_to(path) or link,
}


@cache
def parameters(command: str) -> dict[str, tuple[Any, Any]]:
    """Return type and description of every parameter, by name."""
    signature = inspect.signature(app.COMMANDS[command], eval_str=True)
    described = {
        about.name: about for about in typer.main.get_command(app.app).commands[command].params
    }
    found = {}
    for name, parameter in signature.parameters.items():
        assert get_origin(parameter.annotation) is Annotated, f"{command}: {name}"
        found[name] = get_args(parameter.annotation)[0], described[name]
    return found


def is_argument(about: Any) -> bool:
    return bool(about.param_type_name == "argument")


def typed(command: str, given: dict[str, Path]) -> list[str]:
    """Return a command line with these parameters and all that are required."""
    line = [command]
    for name, (_, about) in parameters(command).items():
        value = given.get(name, REQUIRED.get(name))
        if value is not None:
            line += [str(value)] if is_argument(about) else [max(about.opts, key=len), str(value)]
    return line


def has_path(kind: Any) -> bool:
    return kind is Path or any(has_path(part) for part in get_args(kind))


@pytest.mark.parametrize("command", app.COMMANDS)
def test_every_path_says_what_becomes_of_it(command):
    roles = path_roles(app.COMMANDS[command])
    for name, (kind, about) in parameters(command).items():
        if has_path(kind) or is_argument(about):
            assert isinstance(roles.get(name), Role), (
                f"{command}: mark {name} as READS, WRITES, KEEPS or REPLACES (noisefix.cli.paths)"
            )
        if name == "output":
            assert roles[name] is not READS


def test_every_kind_of_output_is_among_those_tested():
    assert {role for _, _, role in WRITTEN} == {WRITES, KEEPS, REPLACES}
    assert ("relabel", "export_batch", WRITES) in WRITTEN
    assert ("check", "junit", WRITES) in WRITTEN


@pytest.mark.parametrize(("command", "name", "role"), WRITTEN)
def test_an_input_is_never_written_over(cli, tmp_path, monkeypatch, command, name, role):
    monkeypatch.chdir(tmp_path)
    reads = [key for key, role in path_roles(app.COMMANDS[command]).items() if role is READS]
    assert reads
    given = {read: tmp_path / f"{read}.in" for read in reads}
    for path in given.values():
        path.write_text("")
    function = guarded(app.COMMANDS[command])
    for read, path in given.items():
        for link, make in LINKS.items():
            output = make(path, tmp_path / f"{read} {link}.link")
            arguments = dict.fromkeys(parameters(command)) | given | {name: output}
            with pytest.raises(UsageError) as refused:
                function(**arguments)
            assert str(output) in refused.value.message, f"{read} as {name}"
            assert refused.value.hint
    outcome = cli(*typed(command, given | {name: given[reads[0]]}))
    assert (outcome.code, outcome.out) == (2, "")
    assert f"error: {'-o' if name == 'output' else '--' + name.replace('_', '-')} " in outcome.err
    assert all(path.read_text() == "" for path in tmp_path.iterdir())
    assert {p.suffix for p in tmp_path.iterdir()} == {".in", ".link"}


def refusal(outcome, code, *parts):
    assert (outcome.code, outcome.out) == (code, ""), outcome.err
    for part in parts:
        assert str(part) in outcome.err


@pytest.fixture
def run(make_run, verdict):
    rows = [verdict("ship", "ship", 0.99), verdict("bill", "ship", 0.97, is_issue=True)]
    return make_run("text,label\nwhere is it,ship\nmy money,bill\n", rows)


def state(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["run.json", "ledger.parquet", "relabels.parquet", "stdin.csv"])
def test_files_of_a_run_folder_are_written_by_their_own_stages_only(cli, run, tmp_path, name):
    target, data = run.path / name, tmp_path / "data.csv"
    other = tmp_path / "other.csv"
    other.write_text("text,label\na,x\nb,y\n")
    before = state(tmp_path)
    for outcome in (
        cli("embed", other, "-o", target, "--encoder", "tfidf"),
        cli("candidates", run.issues, run.issues, "-o", target),
        cli("noise", other, "-o", target),
        cli("apply", run.path, "-o", target),
        cli("apply", run.path, "--review-csv", target),
        cli("check", run.path, "--max-issues", 9, "--junit", target),
        cli("check", data, "--max-issues", 9, "-o", run.path, "--junit", target),
        cli("relabel", run.path, "--export-batch", target, "--model", "m"),
    ):
        refusal(outcome, 2, name)
    assert state(tmp_path) == before


def test_the_input_of_a_run_is_an_input_of_every_command_that_reads_the_run(cli, run, tmp_path):
    data = tmp_path / "data.csv"
    changed = data.read_bytes() + b"more,ship\n"
    for content in (data.read_bytes(), changed):
        data.write_bytes(content)
        before = state(tmp_path)
        refusal(cli("apply", run.path, "-o", data), 2, "the input itself")
        refusal(cli("apply", run.path, "--review-csv", data), 2, "the input itself")
        refusal(cli("check", run.path, "--max-issues", 9, "--junit", data), 2, "the input itself")
        assert state(tmp_path) == before


def test_stages_write_their_own_tables_into_a_run_folder(cli, detected, tmp_path):
    import shutil

    run = tmp_path / "run"
    shutil.copytree(detected, run)
    data = detected.parent / "tickets.csv"
    embeddings, issues = run / "embeddings.parquet", run / "issues.parquet"
    steps = [
        ("embed", data, "-o", embeddings, "--encoder", "tfidf", "--seed", 1),
        ("joint", embeddings, "-o", run, "--seed", 1),
        ("candidates", embeddings, issues, "-o", run / "candidates.parquet", "--n-neighbors", 3),
    ]
    for step in steps:
        assert cli(*step, "--force").code == 0
    assert not list(run.glob(".*"))


def test_files_that_nobody_named_replace_our_own_tables_only(cli, detected, tmp_path):
    embeddings = detected / "embeddings.parquet"
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "pairs.parquet").write_text("mine")
    refusal(cli("joint", embeddings, "-o", folder), 2, "pairs.parquet", "not a table of noisefix")
    (folder / "label_names.parquet").write_text("mine")
    data = detected.parent / "tickets.csv"
    refusal(cli("embed", data, "-o", folder / "e.parquet"), 2, "label_names.parquet")
    refusal(cli("embed", data, "-o", folder / "label_names.parquet"), 2, "label_names.parquet")
    assert {path.read_text() for path in folder.iterdir()} == {"mine"}


def test_a_run_folder_does_not_eat_the_table_it_is_made_of(cli, run):
    before = state(run.path)
    refusal(cli("detect", run.issues, "-o", run.path, "--force"), 2, "the input itself")
    assert state(run.path) == before


def test_nothing_is_written_into_a_folder_that_is_read(cli, tmp_path):
    model, data = tmp_path / "model", tmp_path / "d.csv"
    model.mkdir()
    data.write_text("text\na\n")
    refusal(
        cli("predict", model, data, "-o", model / "p.csv"), 2, model, "which this command reads"
    )


def test_training_replaces_no_folder_that_it_reads_from(cli, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    data = project / "tickets.csv"
    data.write_text("text,label\na,x\nb,y\n")
    refusal(cli("train", data, "-o", project), 2, data, "would be replaced")
    run = project / "tickets.noisefix"
    refusal(cli("train", data, "-o", run), 2, "where the run folder of")
    assert [path.name for path in project.iterdir()] == ["tickets.csv"]


@pytest.mark.parametrize(
    "name",
    ["c.xlsx", "c.XLS", "c.parquet", "c.json", "c.jsonl.gz", "c.feather", "c.tsv", "c.csv.7z"],
)
def test_a_name_that_promises_another_format_is_refused(cli, run, tmp_path, name):
    refusal(cli("apply", run.path, "-o", tmp_path / name), 2, "promises", "data.csv")
    refusal(cli("noise", tmp_path / "data.csv", "-o", tmp_path / name), 2, "promises", "data.csv")
    assert not (tmp_path / name).exists()


def test_other_outputs_have_one_format_each(cli, run, tmp_path):
    refusal(cli("apply", run.path, "--review-csv", tmp_path / "r.xlsx"), 2, "promises", ".csv")
    gate = ("check", run.path, "--max-issues", 9)
    refusal(cli(*gate, "--junit", tmp_path / "r.csv"), 2, "promises CSV", ".xml")
    refusal(
        cli("embed", tmp_path / "data.csv", "-o", tmp_path / "e.csv"), 2, "promises", ".parquet"
    )
    batch = ("relabel", run.path, "--model", "m", "--export-batch")
    refusal(cli(*batch, tmp_path / "b.csv"), 2, "promises CSV", ".jsonl")
    for name in ("c.txt", "c.csv.gz", "c.v2", "c"):
        assert cli("apply", run.path, "-o", tmp_path / name).code == 0
