"""``noisefix report`` from the command line."""

import json
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


def test_there_must_be_a_run(cli, tmp_path):
    done = cli("report", tmp_path / "none", "-o", tmp_path / "r.html")
    assert done.code == 3
    assert "no such run folder" in done.err
    assert not (tmp_path / "r.html").exists()


def test_detect_names_the_page_first(cli, tickets):
    done = cli("detect", tickets, "--encoder", "tfidf", "-q")
    after = done.out.partition("Next:")[2]
    assert after.index("noisefix report") < after.index("noisefix apply")
