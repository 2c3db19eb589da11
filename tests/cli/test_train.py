"""``train``, ``predict`` and ``noise``, end to end."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

import noisefix


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def run_folder(detected):
    return detected


@pytest.fixture(scope="module")
def test_table(detected, tmp_path_factory):
    """The tickets with their true labels."""
    truth = {row["id"]: row["label_was"] for row in read_csv(detected.parent / "truth.csv")}
    path = tmp_path_factory.mktemp("truth") / "test.csv"
    rows = read_csv(detected.parent / "tickets.csv")
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["text", "label"])
        writer.writerows([row["text"], truth[row["id"]]] for row in rows)
    return path


@pytest.fixture(scope="module")
def model(run_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "model"
    noisefix.train(run_folder, folder, epochs=20)
    return folder


def test_train_then_predict(cli, run_folder, tmp_path, test_table):
    done = cli("train", run_folder, "-o", tmp_path / "m", "--json", "--epochs", 20)
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert result["rows"] == 60
    assert result["epochs"] == 20
    output = tmp_path / "p.parquet"
    done = cli("predict", tmp_path / "m", test_table, "-o", output, "--proba")
    assert done.code == 0, done.err
    table = pq.read_table(output)
    assert table.column_names == [
        "id",
        "label",
        "confidence",
        "p: account",
        "p: refund",
        "p: shipping",
    ]
    true = [row["label"] for row in read_csv(test_table)]
    found = table["label"].to_pylist()
    assert sum(a == b for a, b in zip(found, true, strict=True)) >= 57
    assert table["confidence"].to_pylist() == [
        max(row[name] for name in table.column_names[3:]) for row in table.to_pylist()
    ]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_predict_writes_other_formats(cli, model, test_table, tmp_path, ending):
    output = tmp_path / f"p.{ending}"
    assert cli("predict", model, test_table, "-o", output).code == 0
    with output.open() as file:
        rows = list(csv.DictReader(file)) if ending == "csv" else [json.loads(s) for s in file]
    assert len(rows) == 60
    assert list(rows[0]) == ["id", "label", "confidence"]


def test_python_twin_agrees_with_the_command(cli, model, test_table, tmp_path):
    cli("predict", model, test_table, "-o", tmp_path / "p.csv")
    rows = read_csv(tmp_path / "p.csv")
    texts = [row["text"] for row in read_csv(test_table)]
    assert noisefix.load_model(model).predict(texts) == [row["label"] for row in rows]


def test_same_seed_same_bytes(cli, run_folder, tmp_path):
    for name in ("a", "b"):
        assert cli("train", run_folder, "-o", tmp_path / name, "--epochs", 3).code == 0
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name
    assert not list(tmp_path.glob(".*"))


def test_training_on_a_table_runs_detect_first(cli, tickets, tmp_path):
    # The default encoder may not be there; tfidf is chosen by making the run folder beforehand.
    assert cli("detect", tickets, "--encoder", "tfidf", "-q").code == 0
    run = tickets.with_name("tickets.noisefix")
    assert cli("train", run, "-o", tmp_path / "m", "--method", "ce", "--epochs", 2).code == 0


@pytest.mark.slow
def test_compare_ranks_by_trusted_labels(cli, run_folder, test_table):
    done = cli(
        "train", run_folder, "--compare", "ce,prune", "--seeds", 2, "--test", test_table, "--json"
    )
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert [score["method"] for score in result["scores"]] == ["ce", "prune"]
    assert result["scores"][0]["difference"] == 0
    assert result["test_rows"] == 60
    assert "beyond the noise" in result["verdict"]


def test_compare_all_names_what_the_data_does_not_suit(cli, run_folder, test_table, monkeypatch):
    from noisefix.classifiers import compare, fitting
    from noisefix.errors import DataError

    monkeypatch.setattr(compare, "known_methods", lambda: ("ce", "gce", "prune", "repair"))

    def refuse(name, *args):
        if name == "gce":
            raise DataError("needs two classes")
        return fitting.fit_method(name, *args)

    monkeypatch.setattr(compare, "fit_method", refuse)
    words = ("--compare", "all", "--seeds", 1, "--test", test_table, "--json")
    done = cli("train", run_folder, *words)
    assert done.code == 0, done.err
    scores = json.loads(done.out)["scores"]
    assert scores[0]["method"] == "ce"
    assert {score["method"] for score in scores} == {"ce", "prune", "repair"}
    accuracies = [score["accuracy"] for score in scores[1:]]
    assert accuracies == sorted(accuracies, reverse=True)
    assert "gce is left out: needs two classes" in done.err
    named = cli("train", run_folder, "--compare", "gce", "--seeds", 1, "--test", test_table)
    assert named.code == 3


def test_compare_refuses_to_rank_without_trusted_labels(cli, run_folder):
    done = cli("train", run_folder, "--compare", "ce,prune")
    assert done.code == 2
    assert "no method can be ranked" in done.err
    assert "200 rows" in done.err


def test_labels_of_the_test_table_that_nobody_trained_on_are_said(cli, run_folder, tmp_path):
    path = tmp_path / "test.csv"
    path.write_text("text,label\nrefund please now,refund\nwhat is this,praise\n")
    done = cli("train", run_folder, "--compare", "ce", "--seeds", 1, "--test", path)
    assert done.code == 0, done.err
    assert "praise" in done.err
    path.write_text("text,label\nrefund please now,thanks\nwhat is this,praise\n")
    done = cli("train", run_folder, "--compare", "ce", "--seeds", 1, "--test", path)
    assert done.code == 3


@pytest.mark.slow
def test_comparison_for_people(cli, run_folder, tmp_path):
    """The noisy labels stand beside the true ones: the true ones are taken, and it is said."""
    path = tmp_path / "test.csv"
    rows = [f"please refund order {i},shipping,refund" for i in range(15)]
    rows += [f"parcel {i} with the courier,refund,shipping" for i in range(15)]
    path.write_text("\n".join(["text,label,true_label", *rows]) + "\n")
    done = cli("train", run_folder, "--compare", "gce", "--seeds", 2, "--test", path)
    assert done.code == 0, done.err
    assert "trusted labels in column 'true_label' (guessed from its name)" in done.err
    lines = done.out.splitlines()
    assert lines[0] == "accuracy on 30 rows of test.csv (column true_label), 2 seeds a method"
    assert lines[1].split() == (
        "method mean spread to ce 95 % interval time extra memory".split()  # noqa: SIM905
    )
    assert [line.split()[0] for line in lines[2:4]] == ["ce", "gce"]
    assert float(lines[2].split()[1]) > 80
    assert "no difference beyond the noise" in done.out
    assert "Differences under about" in done.out
    named = cli(
        "train", run_folder, "--compare", "ce", "--seeds", 1, "--test", path, "--truth", "label",
        "--json",
    )  # fmt: skip
    result = json.loads(named.out)
    assert result["truth_column"] == "label"
    assert result["scores"][0]["accuracy"] < 0.2


def test_labels_in_doubt_are_not_taken_for_trusted_ones(cli, run_folder):
    tickets = run_folder.parent / "tickets.csv"
    done = cli("train", run_folder, "--compare", "ce,gce", "--test", tickets)
    assert done.code == 3
    assert "labels in doubt" in done.err
    assert "--truth" in done.err


def test_test_rows_that_were_trained_on_are_said(cli, run_folder, test_table):
    done = cli("train", run_folder, "--compare", "ce", "--seeds", 1, "--test", test_table)
    assert done.code == 0
    assert "60 of the 60 rows of test.csv were trained on" in done.err
    assert "are taken to be right" in done.err


def test_valid_table_chooses_the_epoch(cli, run_folder, test_table, tmp_path):
    done = cli("train", run_folder, "-o", tmp_path / "m", "--valid", test_table, "--method", "ce")
    assert done.code == 0, done.err
    assert "60 trusted rows" in done.err
    metrics = json.loads((tmp_path / "m" / "model.json").read_text())["metrics"]
    assert "trusted_score" in metrics


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--method", "magic", "-o", "m"], 2, "magic"),
        (["--set", "wings=2", "-o", "m"], 2, "wings"),
        (["--set", "batch_size=0", "-o", "m"], 2, "batch_size"),
        ([], 2, "-o"),
        (["--compare", "ce", "-o", "m"], 2, "no model"),
    ],
)
def test_wrong_usage(cli, run_folder, arguments, code, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = cli("train", run_folder, *arguments)
    assert done.code == code
    assert message in done.err
    assert not (tmp_path / "m").exists()


def test_bad_models(cli, model, test_table, tmp_path):
    (tmp_path / "empty").mkdir()
    done = cli("predict", tmp_path / "empty", test_table, "-o", tmp_path / "p.csv")
    assert done.code == 4
    assert "not a model folder" in done.err
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    done = cli("predict", broken, test_table, "-o", tmp_path / "p.csv")
    assert done.code == 4
    assert not (tmp_path / "p.csv").exists()
    assert cli("predict", model, test_table, "-o", tmp_path / "p.txt").code == 2


def test_loading_a_model_takes_under_two_seconds_and_no_torch(model):
    code = (
        "import sys, time; start = time.process_time(); import noisefix;"
        f"noisefix.load_model({str(model)!r}); print(time.process_time() - start);"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, has_torch = done.stdout.split()
    assert float(seconds) < 2
    assert has_torch == "False"


def test_noise_keeps_the_truth(cli, tickets, tmp_path):
    output = tmp_path / "noisy.csv"
    done = cli("noise", tickets, "-o", output, "--rate", 0.5, "--seed", 4, "--json")
    assert done.code == 0, done.err
    before = read_csv(tickets)
    after = read_csv(output)
    assert [row["true_label"] for row in after] == [row["label"] for row in before]
    wrong = sum(row["label"] != row["true_label"] for row in after)
    assert json.loads(done.out)["flipped"] == wrong
    assert 15 <= wrong <= 45
    assert cli("noise", output, "-o", tmp_path / "again.csv").code == 3  # true_label is there


def test_noise_keeps_the_file_as_it_is_written(cli, tmp_path):
    """Semicolons, CR LF, quotes, Latin-1: all but the spoilt cells and the new column stays."""
    rows = [f'{i};"Grüße; {i}";{"ja" if i % 2 else "nein"}' for i in range(1, 41)]
    raw = ("\r\n".join(["nr;text;label", *rows]) + "\r\n").encode("latin-1")
    path = tmp_path / "x.csv"
    path.write_bytes(raw)
    outputs = []
    for seed in (1, 1, 2):
        output = tmp_path / "noisy.csv"
        done = cli("noise", path, "-o", output, "--kind", "pair", "--rate", 0.3, "--seed", seed)
        assert done.code == 0, done.err
        assert "read as Latin-1" in done.err
        assert "Most frequent errors" in done.out
        outputs.append(output.read_bytes())
    assert outputs[0] == outputs[1] != outputs[2]
    changed = 0
    lines = outputs[0].split(b"\r\n")
    assert lines[0] == b"nr;text;label;true_label"
    for line, old in zip(lines[1:-1], rows, strict=True):
        before, truth = line.rsplit(b";", 1)
        old_cells, label = old.encode("latin-1").rsplit(b";", 1)
        assert before.startswith(old_cells + b";")
        assert truth == label
        changed += not before.endswith(b";" + label)
    assert 4 <= changed <= 20


@pytest.mark.parametrize("ending", ["jsonl", "parquet", "csv.gz"])
def test_noise_in_other_formats(cli, tmp_path, ending):
    import gzip

    import pyarrow as pa

    rows = [{"text": f"text {i}", "label": i % 3, "more": i} for i in range(60)]
    path, output = tmp_path / f"x.{ending}", tmp_path / f"noisy.{ending}"
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif ending == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        lines = ["text,label,more", *(",".join(map(str, row.values())) for row in rows)]
        path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))
    done = cli("noise", path, "-o", output, "--rate", 0.4)
    assert done.code == 0, done.err
    from noisefix.tables.source import read_source

    found = read_source(output).table
    assert found.column_names == ["text", "label", "more", "true_label"]
    assert found["label"].type == read_source(path).table["label"].type
    given = [str(value) for value in found["label"].to_pylist()]
    assert found["true_label"].to_pylist() == [str(i % 3) for i in range(60)]
    assert 10 <= sum(a != str(i % 3) for i, a in enumerate(given)) <= 40


def test_noise_by_matrix_and_by_instance(cli, tickets, tmp_path):
    matrix = tmp_path / "matrix.csv"
    matrix.write_text("true,account,refund,shipping\naccount,0,1,0\nrefund,0,1,0\nshipping,0,0,1\n")
    output = tmp_path / "noisy.csv"
    done = cli("noise", tickets, "-o", output, "--kind", "asymmetric", "--matrix", matrix)
    assert done.code == 0, done.err
    rows = read_csv(output)
    assert {row["label"] for row in rows if row["true_label"] == "account"} == {"refund"}
    assert all(r["label"] == r["true_label"] for r in rows if r["true_label"] != "account")
    done = cli("noise", tickets, "-o", output, "--kind", "instance", "--encoder", "tfidf")
    assert done.code == 0, done.err
    assert cli("noise", tickets, "-o", output, "--kind", "asymmetric").code == 2
    matrix.write_text("true,account,refund\naccount,1,0\nrefund,0,1\n")
    done = cli("noise", tickets, "-o", output, "--kind", "asymmetric", "--matrix", matrix)
    assert done.code == 3
    assert "shipping" in done.err


def test_noiseal_writes_how_the_rows_moved(cli, run_folder, tmp_path):
    done = cli(
        "train", run_folder, "-o", tmp_path / "m", "--method", "noiseal", "--epochs", 6, "--json"
    )
    assert done.code == 0, done.err
    table = pq.read_table(tmp_path / "m" / "division.parquet")
    assert table.num_rows == 60 * 5
    assert set(table["subset"].to_pylist()) <= {"R", "H", "P", "-"}
    again = cli("train", run_folder, "-o", tmp_path / "m", "--epochs", 2)
    assert again.code == 0, again.err
    assert not (tmp_path / "m" / "division.parquet").exists()
