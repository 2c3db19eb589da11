"""SARIF, GitLab and JUnit reports hold what their formats allow, and all that they ask for.

The rules are those of the formats for the objects that we write, in our own words:
SARIF 2.1.0 (OASIS), chapters as named; GitLab documentation, "Code Quality", section "Code Quality
report format"; junit-10.xsd of Jenkins' xUnit plugin.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest

from noisefix.cli.gitlab import code_quality
from noisefix.cli.junit import junit_xml
from noisefix.cli.sarif import sarif_log
from noisefix.detection.check_result import CheckedRow, CheckResult
from noisefix.detection.gates import GateResult
from noisefix.detection.leaks import LeakedRow
from noisefix.detection.mismatch_gate import MismatchedCheck

MESSAGE = {"text!": str, "markdown": str, "id": str}  # 3.11, 3.12
URI = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/%-]+")  # RFC 3986, section 2
LOCATION = {  # 3.28
    "physicalLocation": {  # 3.29
        "artifactLocation!": {"uri": URI, "uriBaseId": str, "index": int},  # 3.4
        "region": {  # 3.30
            "startLine!": range(1, 1 << 31),
            "startColumn": range(1, 1 << 31),
            "endLine": range(1, 1 << 31),
        },
    },
    "message": MESSAGE,
}
RESULT = {  # 3.27
    "ruleId": str,
    "ruleIndex": range(-1, 1 << 31),
    "kind": {"notApplicable", "pass", "fail", "review", "open", "informational"},
    "level": {"none", "note", "warning", "error"},
    "message!": MESSAGE,
    "locations": [LOCATION],
    "partialFingerprints": {"*": str},
    "baselineState": {"new", "unchanged", "updated", "absent"},
    "rank": (-1.0, 100.0),
}
RULE = {"id!": str, "name": str, "shortDescription": MESSAGE}  # 3.49
DRIVER = {"name!": str, "version": str, "informationUri": URI, "rules": [RULE]}  # 3.19
SARIF = {  # 3.13
    "$schema": str,
    "version!": {"2.1.0"},
    "runs!": [{"tool!": {"driver!": DRIVER}, "results": [RESULT]}],  # 3.14, 3.18
}
GITLAB = [
    {
        "description!": str,
        "check_name!": str,
        "fingerprint!": str,
        "severity!": {"info", "minor", "major", "critical", "blocker"},
        "location!": {"path!": str, "lines!": {"begin!": range(1, 1 << 31)}},
    }
]
XSD = {  # element: attributes that are needed, others, children
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"time", "skipped", "timestamp", "hostname", "id", "package", "file"},
        {"testcase", "properties"},
    ),
    "testcase": ({"name"}, {"classname", "time", "group"}, {"failure", "error", "skipped"}),
    "failure": (set(), {"message", "type"}, set()),
}


def misfits(value, rule, where="$"):
    """Return what a JSON value has that its rule does not allow, and what it lacks."""
    if isinstance(rule, dict):
        if not isinstance(value, dict):
            return [f"{where}: no object"]
        names = {name.rstrip("!"): inner for name, inner in rule.items()}
        found = [f"{where}.{n[:-1]}: missing" for n in rule if n[-1] == "!" and n[:-1] not in value]
        for name, inner in value.items():
            known = names.get(name, names.get("*"))
            found += (
                [f"{where}.{name}: not allowed"]
                if known is None
                else misfits(inner, known, f"{where}.{name}")
            )
        return found
    if isinstance(rule, list):
        if not isinstance(value, list):
            return [f"{where}: no array"]
        return [
            m for i, inner in enumerate(value) for m in misfits(inner, rule[0], f"{where}[{i}]")
        ]
    if isinstance(rule, tuple):
        is_fit = isinstance(value, int | float) and rule[0] <= value <= rule[1]
    elif isinstance(rule, type):
        is_fit = type(value) is rule
    elif isinstance(rule, re.Pattern):
        is_fit = isinstance(value, str) and rule.fullmatch(value) is not None
    else:
        is_fit = not isinstance(value, bool) and value in rule
    return [] if is_fit else [f"{where}: {value!r}"]


HOSTILE = "50% ::error::x ]]> <b>&amp;\n\x00\ufffe\ud800"
FILE = "50% ::error::x ]]> <b>&amp;\n\udcff.csv"
"""The last sign is a byte that is no UTF-8, as Python reads it from a file system."""

NAMES = ("data.csv", "a b/ü%25#?.csv", "/abs/x:y.csv", FILE, None)


def made(name, baseline):
    path = None if name is None else Path(name)
    flagged = tuple(
        CheckedRow(str(i), i, line, HOSTILE, "b", p, (HOSTILE,), is_new, "k")
        for i, (line, p, is_new) in enumerate(
            [
                (5, 1.0, baseline),
                (None, 0.5, baseline),
                (5, 0.0, None if baseline is None else False),
            ],
            start=1,
        )
    )
    leaks = (
        LeakedRow(HOSTILE, 3, None, "7", 7, 9, "a", 1.0, True, False, "k"),
        LeakedRow("4", 4, HOSTILE, "7", 7, None, "a", 0.97, False, True, "k"),
    )
    mismatches = (
        MismatchedCheck(HOSTILE, 5, 11, HOSTILE, 1.0, (HOSTILE, "answer"), "m"),
        MismatchedCheck("6", 6, None, None, 0.9, (HOSTILE, "answer"), "m"),
    )
    gates = (
        GateResult("max-issues", 3, 1, False, "3 rows are flagged, limit 1"),
        GateResult("max-leaks", 2, 0, False, "2 rows"),
        GateResult("max-mismatched", 2, 0, False, "2 rows"),
        GateResult("max-noise-rate", 0.1, 0.2, True, "10 %, limit 20 %"),
    )
    n_new = None if baseline is None else 2
    return CheckResult(
        *(False, gates, name or "standard input", path, None, 10, 3, n_new, 0.1, 0.05, 0.2),
        flagged,
        leaks=leaks,
        other_name=HOSTILE,
        mismatches=mismatches,
    )


@pytest.fixture(params=NAMES, ids=["plain", "odd", "absolute", "hostile", "stdin"])
def results(request):
    return [made(request.param, True), made(request.param, None)]


def test_sarif_is_as_the_standard_says(results):
    log = sarif_log(results)
    assert misfits(log, SARIF) == []
    (run,) = log["runs"]
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {found["ruleId"] for found in run["results"]} == rules
    prints = [
        (found["ruleId"], *found["partialFingerprints"].items())
        for found in sarif_log(results[:1])["runs"][0]["results"]
        if "partialFingerprints" in found
    ]
    assert len(set(prints)) == len(prints) == 7
    json.dumps(log, allow_nan=False).encode()


def test_a_file_name_comes_back_whole_from_its_address():
    (found, *_) = sarif_log([made("a b/ü%25#?.csv", None)])["runs"][0]["results"]
    uri = found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")
    assert unquote(parts.path) == "a b/ü%25#?.csv"


def test_gitlab_reads_every_entry_and_takes_none_for_another(results):
    report = code_quality(results[:1])
    assert misfits(report, GITLAB) == []
    assert len({entry["fingerprint"] for entry in report}) == len(report) == 10
    assert all(re.fullmatch("[0-9a-f]{64}", entry["fingerprint"]) for entry in report)
    assert all(entry["description"].isprintable() for entry in report)
    assert not any(entry["location"]["path"].startswith("./") for entry in report)


def test_junit_is_as_the_schema_says(results):
    root = ET.fromstring(junit_xml(results).encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        needed, others, children = XSD[element.tag]
        assert needed <= set(element.keys()) <= needed | others
        assert {child.tag for child in element} <= children
    for suite in root:
        cases = suite.findall("testcase")
        assert int(suite.get("tests") or 0) == len(cases)
        assert int(suite.get("failures") or 0) == len(suite.findall("*/failure"))
    assert int(root.get("failures") or 0) == sum(int(s.get("failures") or 0) for s in root)


@pytest.mark.parametrize(
    ("value", "rule", "said"),
    [
        ({"message": {"text": "x"}, "levl": "error"}, RESULT, "$.levl: not allowed"),
        ({"message": {"text": "x"}, "level": "fatal"}, RESULT, "$.level: 'fatal'"),
        ({}, RESULT, "$.message: missing"),
        ({"message": {"text": "x"}, "rank": 100.5}, RESULT, "$.rank: 100.5"),
        ({"startLine": 0}, {"startLine!": range(1, 9)}, "$.startLine: 0"),
        ("a b", URI, "$: 'a b'"),
        ({}, GITLAB, "$: no array"),
    ],
)
def test_the_rules_can_be_broken(value, rule, said):
    assert misfits(value, rule) == [said]
