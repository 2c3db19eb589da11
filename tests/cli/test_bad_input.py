"""Bad input through the command line: what, where, what to do; exit 3; nothing half-written."""

from __future__ import annotations

import json
import resource

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

HEAD = "id,text,label\n"
GOOD = HEAD + "".join(f"{i},message number {i},{'ab'[i % 2]}\n" for i in range(1, 31))

BAD_FILES = {
    "empty file": ("x.csv", b"", ["x.csv", "empty"]),
    "header only": ("x.csv", HEAD.encode(), ["x.csv", "no rows"]),
    "one class": ("x.csv", (HEAD + "1,one,a\n2,two,a\n3,three,a\n").encode(), ["'label'", "'a'"]),
    "no label at all": ("x.csv", (HEAD + "1,one,\n2,two,\n").encode(), ["'label'", "no row"]),
    "doubled column": ("x.csv", b"text,text,label\na,b,c\nd,e,f\n", ["x.csv", "'text'"]),
    "no column to guess": ("x.csv", b"p,q\n1,2\n3,4\n", ["x.csv", "--text-column", "p, q"]),
    "broken encoding": (
        "x.csv",
        (GOOD + "31,größe für dich,a\n").encode() + b"32,broken \xff here,a\n",
        ["x.csv", "0xFF", "row 32", "'text'", "iconv"],
    ),
    "unclosed quote": ("x.csv", (GOOD + '31,"open,a\n32,x,b\n').encode(), ["x.csv", "row 31"]),
    "ragged row": ("x.csv", (GOOD + "31,too,many,cells\n").encode(), ["x.csv", "row 31", "4"]),
    "truncated parquet": ("x.parquet", b"PAR1\x15\x04\x15", ["x.parquet"]),
    "not parquet at all": ("x.parquet", GOOD.encode(), ["x.parquet"]),
    "no json": ("x.jsonl", b'{"text": "a", "label": "b"}\n{"text": \n', ["x.jsonl", "line 2"]),
    "gzip cut short": ("x.csv.gz", b"\x1f\x8b\x08\x00abc", ["x.csv.gz"]),
}


def refusal(outcome, *parts, code=3):
    assert (outcome.code, outcome.out) == (code, ""), outcome.err
    lines = outcome.err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1
    assert any(line.startswith("hint: ") for line in lines)
    assert "Traceback" not in outcome.err
    for part in parts:
        assert str(part) in outcome.err


@pytest.mark.parametrize(("name", "content", "parts"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_bad_file(cli, tmp_path, name, content, parts):
    path = tmp_path / name
    path.write_bytes(content)
    outcome = cli("detect", path, "--encoder", "tfidf")
    refusal(outcome, *parts)
    assert sorted(tmp_path.iterdir()) == [path], "something was left behind"


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--text-column", "body"], ["'body'", "id, text, label"]),
        (["--label-column", "topic"], ["'topic'", "label"]),
        (["--id-column", "key"], ["'key'"]),
        (["--trusted-column", "checked"], ["'checked'"]),
    ],
)
def test_column_that_is_not_there(cli, tmp_path, arguments, parts):
    path = tmp_path / "x.csv"
    path.write_text(GOOD)
    refusal(cli("detect", path, "--encoder", "tfidf", *arguments), "x.csv", *parts)
    assert sorted(tmp_path.iterdir()) == [path]


def test_ids_that_are_doubled_or_missing(cli, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(GOOD.replace("\n7,", "\n6,"))
    outcome = cli("detect", path, "--encoder", "tfidf", "--id-column", "id")
    refusal(outcome, "x.csv", "'id'", "'6'", "rows 6, 7")
    path.write_text(GOOD.replace("\n7,", "\n,"))
    refusal(cli("detect", path, "--encoder", "tfidf", "--id-column", "id"), "missing", "rows 7")


def test_file_that_is_not_there_or_a_folder(cli, tmp_path):
    refusal(cli("detect", tmp_path / "none.csv"), "none.csv", "no such file")
    refusal(cli("detect", tmp_path), "folder")


def test_file_that_cannot_be_read(mortal_cli, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(GOOD)
    path.chmod(0)
    refusal(mortal_cli("detect", path, "--encoder", "tfidf"), path, "permission denied", "chmod")


def test_folder_that_cannot_be_written(mortal_cli, tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "x.csv").write_text(GOOD)
    folder.chmod(0o555)
    outcome = mortal_cli("detect", folder / "x.csv", "--encoder", "tfidf", "--quiet")
    folder.chmod(0o755)
    refusal(outcome, "x.noisefix", "read-only", "-o")
    assert [p.name for p in folder.iterdir()] == ["x.csv"]


def test_run_folder_of_another_input(cli, tmp_path):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text(GOOD)
    second.write_text(GOOD + "31,one more,a\n")
    run = tmp_path / "run"
    assert cli("detect", first, "-o", run, "--encoder", "tfidf").code == 0
    before = {p.name: p.read_bytes() for p in run.iterdir()}
    refusal(cli("detect", second, "-o", run, "--encoder", "tfidf"), run, "another input", "--force")
    assert {p.name: p.read_bytes() for p in run.iterdir()} == before
    assert cli("detect", second, "-o", run, "--encoder", "tfidf", "--force").code == 0


def test_folder_with_other_things_in_it_is_no_run_folder(cli, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(GOOD)
    home = tmp_path / "home"
    home.mkdir()
    (home / "precious.txt").write_text("mine")
    refusal(cli("detect", path, "-o", home, "--encoder", "tfidf"), home, "-o")
    assert [p.name for p in home.iterdir()] == ["precious.txt"]


def test_parquet_of_the_wrong_kind(cli, tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": [["a"], ["b"]], "label": ["x", "y"]}), path)
    refusal(cli("detect", path, "--encoder", "tfidf", "--text-column", "text"), "'text'", "lists")
    refusal(cli("joint", path, "-o", tmp_path / "out"), path)
    refusal(cli("candidates", path, path, "-o", tmp_path / "c.parquet"), path)


def test_encoder_that_cannot_be_loaded(cli, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(GOOD)
    outcome = cli("detect", path, "--encoder", str(tmp_path / "no-such-model"))
    refusal(outcome, "no-such-model", code=4)


def test_labels_that_are_mixed_or_nan_are_read_with_a_warning(cli, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(GOOD.replace(",b\n", ",1\n") + "31,some text,NaN\n32,more text,\n33,more, a \n")
    outcome = cli("detect", path, "--encoder", "tfidf", "--json")
    assert outcome.code == 0, outcome.err
    assert "warning: x.csv, column 'label'" in outcome.err
    result = json.loads(outcome.out)
    assert result["classes"] == ["1", "a"]
    assert result["unlabelled"] == 2


def test_latin_1_is_read_with_a_warning(cli, tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes((GOOD + "31,größe,a\n").encode("latin-1"))
    outcome = cli("detect", path, "--encoder", "tfidf")
    assert outcome.code == 0
    assert "warning: x.csv: not UTF-8 (byte 0xF6 at row 31 (line 32), column 'text')" in outcome.err


def test_class_with_one_row(cli, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(GOOD + "31,a lonely message,c\n")
    assert cli("detect", path, "--encoder", "tfidf").code == 0


HOSTILE = {
    "ansi": "\x1b[31mred\x1b[2J\x1b]0;title\x07",
    "markup": "[red]bold[/red] :smile: [link=http://x]y[/link]",
    "formula": "=cmd()|' /C calc'!A0",
    "nul": "a\x00b",
    "right to left": "\u202egnp.exe\u2066",
    "quotes": 'say ""hello"", then',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_reaches_neither_terminal_nor_csv(cli, tmp_path, text):
    path = tmp_path / "x.csv"
    content = (GOOD + f'31,"{text}",a\n').encode()
    path.write_bytes(content)
    run = tmp_path / "run"
    outcome = cli("detect", path, "-o", run, "--encoder", "tfidf", "--top", "100")
    assert outcome.code == 0, outcome.err
    shown = (outcome.out + outcome.err).replace("\n", "")
    assert all(char.isprintable() for char in shown)

    clean = tmp_path / "clean.csv"
    assert cli("apply", run, "-o", clean, "--strategy", "relabel").code == 0
    assert content.splitlines()[31].rsplit(b",", 1)[0] in clean.read_bytes()


def test_ten_megabyte_cell(cli, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(GOOD + f'31,"{"word " * 2_000_000}",a\n')
    outcome = cli("detect", path, "--encoder", "tfidf", "--top", "100", "-o", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert len(outcome.out) < 50_000


def test_full_disk_leaves_nothing_half_written(mortal_cli, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(GOOD)
    outcome = mortal_cli(
        "detect",
        path,
        "--encoder",
        "tfidf",
        "--quiet",
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)),
    )
    refusal(outcome, "disk is full", "free some space")
    left = [p.name for p in tmp_path.rglob("*") if p.is_file() and p != path]
    assert all(not name.startswith(".noisefix") for name in left)
    for name in left:
        if name.endswith(".parquet"):
            pq.read_metadata(next(tmp_path.rglob(name)))
