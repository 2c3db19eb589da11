"""What must not be shown is not shown."""

import pytest

from noisefix.annotators.secrets import (
    Redactor,
    Secret,
    display_url,
    passwords_in,
    without_credentials,
)


def test_a_secret_shows_nothing():
    secret = Secret("sk-12345")
    assert "12345" not in f"{secret!r} {secret} {[secret]}"
    assert secret.reveal() == "sk-12345"
    assert secret
    assert not Secret("")


@pytest.mark.parametrize(
    ("text", "is_sendable"),
    [("sk-1_a.b~c", True), ("two words", False), ("a\nb", False), ("schlüssel", False)],
)
def test_what_can_stand_in_a_header(text, is_sendable):
    assert Secret(text).is_sendable == is_sendable


def test_the_redactor_cleans_and_cuts():
    redactor = Redactor(Secret("sk-12345"), Secret("sk-12345-longer"))
    assert redactor.clean("key sk-12345-longer and sk-12345") == "key [hidden] and [hidden]"
    assert redactor.clean("a\x1b[31m\nb") == "a [31m b"
    assert len(redactor.clean("x" * 10_000)) < 310


def test_a_secret_down_the_chain_is_found():
    redactor = Redactor(Secret("sk-12345"))
    error = ValueError("harmless")
    assert not redactor.hides(error)
    error.__cause__ = KeyError("sk-12345")
    assert redactor.hides(error)


def test_addresses_are_shown_without_what_is_private():
    assert display_url("https://u:p@h.org:8/v1/?k=secret#f") == "https://h.org:8/v1"
    assert passwords_in("http://h/v1") == []
    forms = [secret.reveal() for secret in passwords_in("http://u:p%40ss@h/v1")]
    assert forms == ["p%40ss", "p@ss", "dTpwQHNz"]


def test_credentials_in_an_address_become_a_header():
    bare, header = without_credentials("http://u:p%40ss@h.org:8/v1?a=b")
    assert (bare, header.reveal()) == ("http://h.org:8/v1?a=b", "Basic dTpwQHNz")
    bare, header = without_credentials("http://h.org/v1")
    assert (bare, bool(header)) == ("http://h.org/v1", False)
