"""``predict`` on tables of every kind, and what it refuses."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
import signal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import noisefix
from noisefix.run.parquet import read_table
from noisefix.run.schemas import PREDICTIONS

TEXTS = ["the courier is late", "money back please", "locked out of my profile"]


@pytest.fixture(scope="module")
def model(detected, tmp_path_factory):
    folder = tmp_path_factory.mktemp("predicting") / "model"
    noisefix.train(detected, folder, method="ce", epochs=10)
    return folder


@pytest.fixture
def broken(model, tmp_path):
    """A copy of the model, to be damaged."""
    folder = tmp_path / "broken"
    shutil.copytree(model, folder)
    return folder


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("key,text\n" + "".join(f"k{i},{text}\n" for i, text in enumerate(TEXTS)))
    return path


def refusal(outcome, code, *parts):
    assert (outcome.code, outcome.out) == (code, ""), outcome.err
    assert outcome.err.count("error: ") == 1
    assert "hint: " in outcome.err
    assert "Traceback" not in outcome.err
    for part in parts:
        assert str(part) in outcome.err


def test_every_format_gives_the_same_predictions(cli, model, tmp_path):
    rows = [{"key": f"k{i}", "text": f"{TEXTS[i % 3]}, case {i % 40}"} for i in range(9000)]
    table = pa.Table.from_pylist(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, ["key", "text"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    lines = out.getvalue()
    pq.write_table(table, tmp_path / "x.parquet")
    (tmp_path / "x.csv").write_text(lines)
    (tmp_path / "wide.csv").write_bytes(lines.encode("utf-16"))
    (tmp_path / "x.tsv").write_text(lines.replace('"', "").replace(",", "\t", 9001))
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = {}
    names = ["x.parquet", "x.csv", "wide.csv", "x.csv.gz", "x.jsonl", "-"]
    for name in names:
        source = name if name == "-" else tmp_path / name
        stdin = lines.encode() if name == "-" else b""
        done = cli(
            "predict", model, source, "-o", tmp_path / "p.csv", "--id-column", "key",
            "--text-column", "text", "--proba", stdin=stdin,
        )  # fmt: skip
        assert done.code == 0, done.err
        found[name] = (tmp_path / "p.csv").read_text()
    assert len(set(found.values())) == 1
    assert found["-"].count("\n") == 9001
    assert sorted(p.name for p in tmp_path.glob(".*")) == []


def test_predictions_say_where_they_come_from(cli, model, table, tmp_path):
    output = tmp_path / "p.parquet"
    assert cli("predict", model, table, "-o", output, "--id-column", "key").code == 0
    found, provenance = read_table(output, PREDICTIONS)
    assert found["id"].to_pylist() == ["k0", "k1", "k2"]
    assert provenance.class_names == ("account", "refund", "shipping")
    assert set(provenance.inputs) == {"data", "model"}
    first = output.read_bytes()
    assert cli("predict", model, table, "-o", output, "--id-column", "key").code == 0
    assert output.read_bytes() == first


def test_each_distinct_text_is_encoded_once(model, tmp_path, monkeypatch):
    from noisefix.encoders.tfidf import TfidfEncoder

    seen = []
    project = TfidfEncoder._project
    monkeypatch.setattr(
        TfidfEncoder, "_project", lambda self, texts: seen.extend(texts) or project(self, texts)
    )
    path = tmp_path / "x.csv"
    path.write_text("text\n" + "".join(f"{TEXTS[i % 3]}\n" for i in range(500)))
    result = noisefix.predict(model, path, tmp_path / "p.csv")
    assert seen == TEXTS
    assert sum(result.labels.values()) == result.rows == 500


def test_empty_texts_get_an_answer_and_a_warning(cli, model, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("id,text\n1,where is my parcel\n2,\n3,   \n")
    done = cli("predict", model, path, "-o", tmp_path / "p.csv", "--json")
    assert done.code == 0
    assert "2 rows have no text (2, 3)" in done.err
    assert json.loads(done.out)["rows"] == 3


BAD = {
    "ragged row": ("key,text\n1,a\n2,b,c\n", ["new.csv", "row 2 (line 3)", "3 fields"]),
    "doubled id": ("key,text\n1,a\n1,b\n", ["'key'", "'1' in rows 1, 2"]),
    "missing id": ("key,text\n1,a\n,b\n", ["'key'", "rows 2"]),
    "empty file": ("", ["empty"]),
    "header only": ("key,text\n", ["no rows"]),
    "no text column": ("key,p,q\n1,2,3\n", ["--text-column", "key, p, q"]),
}


@pytest.mark.parametrize(("content", "parts"), BAD.values(), ids=BAD)
def test_bad_tables_leave_the_old_predictions_alone(cli, model, table, tmp_path, content, parts):
    output = tmp_path / "p.csv"
    output.write_text("old")
    table.write_text(content)
    refusal(cli("predict", model, table, "-o", output, "--id-column", "key", "-q"), 3, *parts)
    assert output.read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new.csv", "p.csv"]


def test_output_that_cannot_be_written(cli, mortal_cli, model, table, tmp_path):
    refusal(cli("predict", model, table, "-o", table), 2, "the input itself")
    refusal(cli("predict", model, table, "-o", tmp_path), 2, "it is a folder")
    refusal(cli("predict", model, table, "-o", tmp_path / "p"), 2, "the ending says nothing")
    refusal(cli("predict", model, table, "-o", tmp_path / "p.xlsx"), 2, "promises .xlsx")
    refusal(cli("predict", model, table, "-o", tmp_path / "no" / "p.csv"), 3, "does not exist")
    (tmp_path / "d.csv").mkdir()
    refusal(cli("predict", model, table, "-o", tmp_path / "d.csv"), 2, "it is a folder")
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    refusal(mortal_cli("predict", model, table, "-o", closed / "p.csv", "-q"), 3, "read-only")
    closed.chmod(0o755)


def test_killed_in_the_middle(model, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("text\n" + "some text\n" * 20_000)
    output = tmp_path / "p.parquet"
    output.write_text("old")
    code = (
        "import os, signal, sys\n"
        "from noisefix.classifiers.prediction_writer import PredictionWriter as W\n"
        "from noisefix.cli.app import main\n"
        "write, n = W.write, []\n"
        "def killed(self, *args):\n"
        "    write(self, *args); n.append(1)\n"
        "    if len(n) == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "W.write = killed\n"
        "main(sys.argv[1:])\n"
    )
    arguments = ["predict", str(model), str(path), "-o", str(output), "-q"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=False)
    assert done.returncode == -signal.SIGKILL
    assert output.read_text() == "old"
    assert len(list(tmp_path.glob(".noisefix-*"))) == 1
    assert noisefix.predict(model, path, output).rows == 20_000
    assert not list(tmp_path.glob(".noisefix-*"))


DAMAGED = {
    "truncated weights": ("model.safetensors", lambda data: data[:-20]),
    "truncated header": ("model.safetensors", lambda data: data[:30]),
    "no weights": ("model.safetensors", None),
    "weights of something else": ("model.safetensors", lambda data: b"PK\x03\x04" + data),
    "truncated encoder": ("encoder.safetensors", lambda data: data[:-20]),
    "no encoder weights": ("encoder.safetensors", None),
    "no encoder json": ("encoder.json", None),
    "broken encoder json": ("encoder.json", lambda data: data[:-5]),
    "encoder json of another kind": ("encoder.json", lambda _: b"[1, 2]"),
    "no json": ("model.json", None),
    "broken json": ("model.json", lambda data: data[: len(data) // 2]),
    "no utf-8": ("model.json", lambda data: b"\xff\xfe" + data),
    "another json": ("model.json", lambda _: b'{"a": 1}'),
    "a json list": ("model.json", lambda _: b"[]"),
    "newer format": ("model.json", lambda data: data.replace(b'"format": 1', b'"format": 99')),
    "unknown kind": ("model.json", lambda data: data.replace(b'"head"', b'"os:system"')),
    "no class names": (
        "model.json",
        lambda data: json.dumps(json.loads(data) | {"class_names": None}).encode(),
    ),
    "other class names": (
        "model.json",
        lambda data: json.dumps(json.loads(data) | {"class_names": ["a"]}).encode(),
    ),
}


@pytest.mark.parametrize(("name", "change"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_models(cli, broken, table, tmp_path, name, change):
    path = broken / name
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    refusal(cli("predict", broken, table, "-o", tmp_path / "p.csv", "-q"), 4, "broken")
    assert not (tmp_path / "p.csv").exists()


@pytest.mark.parametrize("file", ["model.safetensors", "encoder.safetensors"])
def test_weights_that_are_not_numbers(cli, broken, table, tmp_path, file):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(broken / file)
    floats = [name for name in tensors if tensors[name].dtype == np.float32]
    save_file({k: v * np.float32("nan") if k in floats else v for k, v in tensors.items()},
              broken / file)  # fmt: skip
    refusal(cli("predict", broken, table, "-o", tmp_path / "p.csv", "-q"), 4, "NaN")
    assert not (tmp_path / "p.csv").exists()


def test_another_encoder_than_the_one_trained_with(cli, broken, table, tmp_path):
    """The same name, other files: vectors of another space would give labels at random."""
    about = json.loads((broken / "model.json").read_text())
    from noisefix.encoders.find import offline_extra

    folder = offline_extra()
    assert folder is not None
    for file in ("encoder.json", "encoder.safetensors"):
        (broken / file).unlink()
    about["encoder"] |= {"name": str(folder), "sha256": "0" * 64}
    (broken / "model.json").write_text(json.dumps(about))
    outcome = cli("predict", broken, table, "-o", tmp_path / "p.csv", "-q")
    refusal(outcome, 4, "not the one that the model was trained with", "train again")
    about["encoder"]["name"] = str(tmp_path / "gone")
    (broken / "model.json").write_text(json.dumps(about))
    refusal(cli("predict", broken, table, "-o", tmp_path / "p.csv", "-q"), 4, "gone")


def test_nothing_in_a_model_folder_is_executed(broken, tmp_path):
    """Code and pickles in the folder, under every name that some library would run."""
    boom = f"open({str(tmp_path / 'executed')!r}, 'w').write('x')\n"

    class Payload:
        def __reduce__(self):
            return exec, (boom,)

    import pickle

    names = ["__init__.py", "setup.py", "conftest.py", "modeling.py", "head.py", "sitecustomize.py",
             "noisefix.py", "numpy.py", "usercustomize.py", "hubconf.py"]  # fmt: skip
    for name in names:
        (broken / name).write_text(boom)
    for name in ("pytorch_model.bin", "model.pkl", "model.pt", "model.joblib", "encoder.bin"):
        (broken / name).write_bytes(pickle.dumps(Payload()))
    about = json.loads((broken / "model.json").read_text())
    about["auto_map"] = {"AutoModel": "modeling.Evil"}
    about["config"]["__class__"] = "modeling.Evil"
    (broken / "model.json").write_text(json.dumps(about))
    (broken / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "modeling.Evil"}}))
    code = (
        "import sys; from noisefix import load_model\n"
        f"model = load_model({str(broken)!r})\n"
        f"print(model.predict({TEXTS!r}))\n"
        f"files = [str(getattr(m, '__file__', '')) for m in list(sys.modules.values())]\n"
        f"print([file for file in files if {str(broken)!r} in file])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "refund" in done.stdout
    assert done.stdout.splitlines()[1] == "[]"
    assert not (tmp_path / "executed").exists()
