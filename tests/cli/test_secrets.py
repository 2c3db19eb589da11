"""A key is sent to its server, and to nothing and nobody else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from noisefix.cli import app

KEY = "sk-secret-0123456789abcdef"
PLAIN_KEY = "correct-horse-battery"  # nothing about it looks like a key


@pytest.fixture
def run(detected, tmp_path) -> Path:
    return Path(shutil.copytree(detected, tmp_path / "run"))


def everything_in(folder: Path) -> bytes:
    import pyarrow.parquet as pq

    found = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    for path in folder.glob("*.parquet"):
        found.append(str(pq.read_table(path).to_pylist()).encode())
    return b"\n".join(found)


@pytest.mark.parametrize("key", [KEY, PLAIN_KEY])
@pytest.mark.parametrize("form", ["label", "off the list", "refusal", "error"])
def test_a_key_that_the_server_says_is_not_kept_or_shown(
    cli, run, faults, monkeypatch, key, form
) -> None:
    monkeypatch.setenv("GATEWAY", key)
    said = f"You use {key}, Authorization: Bearer {key}."
    steps = {
        "label": [faults.http(200, faults.completion(f'{said}\n{{"answer": "refund"}}'))],
        "off the list": [faults.http(200, faults.completion(said))],
        "refusal": [faults.http(200, faults.completion(None, refusal=said))],
        "error": faults.error(400, said),
    }
    with faults.FaultServer(lambda request: steps[form]) as server:
        outcome = cli(
            *("relabel", run, "--model", "tiny", "--base-url", server.url, "--max-rows", 4),
            *("--probe", 0, "--api-key-env", "GATEWAY"),
        )
    assert server.requests
    assert server.requests[0].headers["authorization"] == f"Bearer {key}"
    assert key not in outcome.out + outcome.err
    kept = everything_in(run)
    assert key.encode() not in kept
    if form in ("label", "off the list"):
        assert b"[hidden]" in kept


@pytest.mark.parametrize(
    "typed",
    [
        ("--api-key-env", KEY),
        ("--api-key-env", "hf_abcdefghijklmnopqrst"),
        ("--api-key-env", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"),
        ("--model", KEY),
        ("--annotator", KEY),
        ("--annotator", f"column:{KEY}"),
        ("--annotator", f"local:{KEY}"),
        ("--template", KEY),
        ("--base-url", KEY),
        ("--base-url", f"http://me:{KEY}@127.0.0.1:9/v1"),
        ("--base-url", "http://me:pass/wörd9@127.0.0.1:9/v1"),
        ("--base-url", f"http://127.0.0.1:9/v1?api-key={PLAIN_KEY}"),
        ("--pool", KEY),
        ("--max-rows", KEY),
        ("--config", KEY),
        (KEY,),
    ],
)
def test_a_key_typed_in_the_wrong_place_is_not_repeated(cli, run, typed) -> None:
    model = () if "--model" in typed else ("--model", "tiny")
    local = ("--base-url", "http://127.0.0.1:9/v1") if "--base-url" not in typed else ()
    outcome = cli("relabel", run, *model, *local, "--max-rows", 1, "--timeout", 0.2, *typed)
    assert outcome.code in (2, 3, 4, 5)
    secret = typed[-1].removeprefix("column:").removeprefix("local:")
    for word in (secret, "pass/w", "rd9", PLAIN_KEY):
        assert word not in outcome.out + outcome.err
    assert secret.encode() not in everything_in(run)


def test_a_key_in_a_configuration_is_not_repeated(cli, run, tmp_path) -> None:
    path = tmp_path / "noisefix.toml"
    path.write_text(f'api_key = "{KEY}"\n')
    outcome = cli("relabel", run, "--config", path)
    assert outcome.code == 2
    assert "api_key" in outcome.err
    assert KEY not in outcome.err
    path.write_text(f"api_key_env = {KEY}\n")
    assert KEY not in cli("relabel", run, "--config", path).err


def test_a_traceback_has_neither_keys_nor_texts(cli, monkeypatch) -> None:
    text = "Dear Sir, my account"

    def fail(arguments: list[str]) -> int:
        try:
            json.loads(f'"{KEY}')
        except ValueError as error:
            raise RuntimeError(f"Bearer {KEY} sent {text!r}") from error
        return 0

    monkeypatch.setattr(app, "_run", fail)
    outcome = cli("detect", "x")
    assert outcome.code == 70
    assert "RuntimeError: Bearer [hidden] sent" in outcome.err
    assert KEY not in outcome.err
    assert text not in outcome.err
