"""What looks like a key is taken out of what somebody will read; all else stays."""

import pytest

from noisefix.errors import DataError
from noisefix.redaction import HIDDEN, looks_like_key, redact, shown_variable

KEYS = [
    "sk-test-1234567890",
    "sk-proj-AbCdEfGhIjKlMnOp_qrst",
    "sk-ant-api03-abcdef-GHIJKL",
    "hf_abcdefghijklmnop",
    "ghp_0123456789abcdef",
    "github_pat_11ABCDEFG0",
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyA1234567890abcdefghij",
    "xoxb-1234567890-abc",
    "gsk_abcdefghijklmnop1234",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
]


@pytest.mark.parametrize("key", KEYS)
def test_keys_go_and_the_words_around_them_stay(key):
    assert redact(f"the key '{key}' was refused") == f"the key '{HIDDEN}' was refused"
    assert looks_like_key(key)
    assert key not in shown_variable(key)
    assert redact(redact(key)) == redact(key)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc123def456", "Authorization: Bearer [hidden]"),
        ("Basic dTpwQHNzMQ==", "Basic [hidden]"),
        ("https://me:p%40ss@host.org/v1 fails", "https://[hidden]@host.org/v1 fails"),
        ("http://h/v1?api-version=2&api_key=abc#x", "http://h/v1?api-version=2&api_key=[hidden]#x"),
        ("http://h/f?sv=1&sig=ab%2Fc&x=1", "http://h/f?sv=1&sig=[hidden]&x=1"),
        ("http://h/v1?key=abc", "http://h/v1?key=[hidden]"),
        ('{"api_key": "abc12345"}', '{"api_key": "[hidden]"}'),
        ("password=hunter2hunter2", "password=[hidden]"),
    ],
)
def test_named_values_go_and_their_names_stay(text, shown):
    assert redact(text) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "no API key: the environment variable OPENAI_API_KEY is not set",
        "name another variable with --api-key-env, or see https://example.org/a?b=c",
        "Qwen/Qwen2.5-7B-Instruct and gpt-4o-mini and sk-learn",
        "http://localhost:8000/v1 answers 401 (invalid token: try again)",
        "column 'password' of data.csv; key_1 and token_type_ids",
        "x@y.z; a:b@c",
    ],
)
def test_ordinary_messages_stay(text):
    assert redact(text) == text


def test_values_of_the_environment_go_whatever_they_look_like(monkeypatch):
    monkeypatch.setenv("MY_SERVICE_KEY", "correct horse")
    monkeypatch.setenv("SHORT_KEY", "abc")
    monkeypatch.setenv("KEY_OF_NOTHING", "plain words")
    monkeypatch.setenv("PRIVATE_KEY", "/home/me/id_rsa")
    assert redact("correct horse, abc, plain words, /home/me/id_rsa") == (
        "[hidden], abc, plain words, /home/me/id_rsa"
    )


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "MY_KEY_2", "my_key", "LLM_GATEWAY_TOKEN_V1"])
def test_names_of_variables_are_shown(name):
    assert shown_variable(name) == name


@pytest.mark.parametrize("typed", ["two words", "0123abcd", "a1b2c3d4e5f6a7b8c9d0e1f2", "x-y", ""])
def test_what_is_no_name_is_not_shown(typed):
    assert shown_variable(typed) == f"[hidden] ({len(typed)} characters, no name)"


def test_every_error_is_clean():
    error = DataError("cannot read s3://id:secret@bucket", "not sk-test-1234567890")
    assert "secret" not in f"{error} {error.message} {error.args}"
    assert error.hint == "not [hidden]"
