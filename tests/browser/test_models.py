"""The part of the page on models, in a real browser: hostile names are names, a phone is enough."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.browser

NAMES = ["<img src=x onerror=alert(1)>", "مرحبا \u202eevil", "=cmd|' C'!A0"]


@pytest.fixture
def run(tmp_path, write_page_run):
    return write_page_run(tmp_path, 200)


@pytest.fixture
def models(run, tmp_path):
    table = pq.read_table(run.issues, columns=["id", "given_label", "suggested_label"]).to_pydict()
    files = []
    for k, name in enumerate(NAMES):
        both = zip(table["given_label"], table["suggested_label"], strict=True)
        labels = [
            given if row % 3 > k and given else best for row, (given, best) in enumerate(both)
        ]
        lines = [f"{key},{label}" for key, label in zip(table["id"], labels, strict=True)]
        files.append(tmp_path / f"{name}.csv")
        files[-1].write_text("\n".join(["id,label", *lines]) + "\n")
    return files


@pytest.mark.parametrize("width", [1440, 400])
def test_models_have_a_part_of_the_page(opened, run, models, width):
    page = opened(run, width=width, predictions=models)
    part = page.locator("#models")
    words = part.inner_text()
    assert "The best model changes with probability" in words
    assert "nobody has corrected a label" in words
    assert NAMES[0] in words
    assert NAMES[2].casefold() in words.casefold()  # the heads of a table are in capitals
    assert part.locator("img").count() == 0
    # More than half of the made labels look wrong already: there is no table of a larger share.
    assert part.locator("tbody").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_predictions_there_is_no_such_part(opened, run):
    assert opened(run).locator("#models").count() == 0
