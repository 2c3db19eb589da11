import base64
import gzip
import hashlib
import json
import re

import pytest

from noisefix.reporting.page import SCRIPTS, build_page, joined_scripts, read_asset

DATA = {"transport": "file", "run": {"name": "data.csv"}}


def policy_of(page: str) -> dict[str, str]:
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert found is not None
    return dict(part.split(" ", 1) for part in found[1].split("; "))


def digest(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def test_the_policy_allows_the_page_its_own_style_and_script_and_nothing_else():
    page = build_page(DATA)
    policy = policy_of(page)
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == digest(joined_scripts())
    assert policy["style-src"] == digest(read_asset("page.css"))
    assert "connect-src" not in policy
    assert page.count("<script") == 2
    assert f"<script>{joined_scripts()}</script>" in page
    assert policy_of(build_page(DATA | {"transport": "server"}))["connect-src"] == "'self'"


def test_the_data_are_packed_within():
    page = build_page(DATA)
    packed = re.search(r'id="data">([^<]*)<', page)
    assert packed is not None
    assert json.loads(gzip.decompress(base64.b64decode(packed[1]))) == DATA
    assert "{{" not in page.replace(joined_scripts(), "")


@pytest.mark.parametrize("name", [*SCRIPTS, "page.css"])
def test_no_asset_can_end_its_element_or_ask_elsewhere(name):
    source = read_asset(name)
    assert "</script" not in source.lower()
    assert "</style" not in source.lower()
    assert "<!--" not in source
    assert "http:" not in source.replace("http://www.w3.org", "")
    assert "innerHTML" not in source
    assert "eval(" not in source


def test_a_name_stays_a_name_in_the_title():
    page = build_page(DATA | {"run": {"name": "</title><b>\u202e{{DATA}}&"}})
    assert "<title>&lt;/title&gt;&lt;b&gt; {{DATA}}&amp; · noisefix</title>" in page
