"""``noisefix report`` from the command line."""

import base64
import gzip
import json
import re
import shutil


def test_a_run_becomes_a_page(cli, detected, tmp_path):
    run, page = tmp_path / "run", tmp_path / "report.html"
    shutil.copytree(detected, run)
    done = cli("report", run, "-o", page)
    assert done.code == 0, done.err
    assert done.out.startswith(f"{page}: 60 rows")
    assert page.read_text("utf-8").startswith("<!doctype html>")
    told = json.loads(cli("report", run, "-o", page, "--json").out)
    assert (told["rows"], told["decided"]) == (60, 0)


def test_predictions_of_models_get_a_part_of_the_page(cli, detected, tmp_path):
    run, page = tmp_path / "run", tmp_path / "report.html"
    shutil.copytree(detected, run)
    models = [tmp_path / "one.csv", tmp_path / "two.csv"]
    for k, model in enumerate(models):
        labels = ["refund"] * (30 + k) + ["account"] * (30 - k)
        lines = [f"t{row},{label}" for row, label in enumerate(labels, 1)]
        model.write_text("\n".join(["id,label", *lines]) + "\n")
    named = [part for model in models for part in ("--predictions", model)]
    done = cli("report", run, "-o", page, *named)
    assert done.code == 0, done.err
    packed = re.search(r'id="data">([^<]*)<', page.read_text("utf-8"))
    data = json.loads(gzip.decompress(base64.b64decode(packed[1])))
    assert [model["name"] for model in data["models"]["models"]] == ["one", "two"]
    models[0].write_text("id,label\nt1,refund\n")
    before = page.read_bytes()
    done = cli("report", run, "-o", page, *named)
    assert done.code == 3
    assert "no prediction for 59 of 60 rows" in done.err
    assert page.read_bytes() == before


def test_there_must_be_a_run(cli, tmp_path):
    done = cli("report", tmp_path / "none", "-o", tmp_path / "r.html")
    assert done.code == 3
    assert "no such run folder" in done.err
    assert not (tmp_path / "r.html").exists()


def test_detect_names_the_page_first(cli, tickets):
    done = cli("detect", tickets, "--encoder", "tfidf", "-q")
    after = done.out.partition("Next:")[2]
    assert after.index("noisefix report") < after.index("noisefix apply")
