"""What a server says, in every shape, and what it is about."""

import pytest

from noisefix.annotators.openai_complaint import (
    complaint_of,
    is_about_key,
    is_about_model,
    is_about_system,
    is_moderation,
    parameter_of,
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": {"message": "a", "param": "b", "code": "c"}}, "a; b; c"),
        ({"error": {"message": "a", "param": None, "code": 400}}, "a; 400"),
        ({"error": "plain"}, "plain"),
        ({"message": "m"}, "m"),
        ({"detail": "d"}, "d"),
        ({"detail": [{"loc": ["body", "x"], "msg": "bad", "input": "text"}]}, "body.x: bad"),
        ({"detail": ["odd"]}, "odd"),
        ({}, ""),
        ([], ""),
        (None, ""),
        ("text", "text"),
    ],
)
def test_complaints_in_every_form(body, expected):
    assert complaint_of(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([{"error": {"message": "a", "code": 400}}], "a; 400"),
        ({"errors": [{"message": "a"}, {"message": "b"}]}, "a; b"),
        ({"detail": {"error": "a"}}, "a"),
        ({"error": {"message": '{"error": {"message": "a"}}'}}, "a"),
        ({"error": {"message": "a", "metadata": {"raw": "b", "flagged_input": "text"}}}, "a; b"),
        ({"error": {"message": "a", "n_ctx": 2048}}, "a; n_ctx 2048"),
        ({"error": {"details": [{"retryDelay": "39s"}]}}, "retry after 39 s"),
        ("<html><head><title>T</title><script>x()</script></head><p>a &amp; b</p></html>",
         "a & b T"),
        ({"error": {"message": "a"}, "messages": [{"content": "text"}], "input": "text"}, "a"),
        ("[" * 5000, "[" * 2000),
    ],
)  # fmt: skip
def test_complaints_of_many_services(body, expected):
    assert complaint_of(body) == expected


def test_the_parameter_in_a_field_of_its_own():
    assert parameter_of({"error": {"param": "seed"}}) == "seed"
    assert parameter_of([{"error": {"param": "seed"}}]) == "seed"
    assert parameter_of({"error": "text"}) == parameter_of("text") == parameter_of(None) == ""


@pytest.mark.parametrize(
    ("about", "words"),
    [
        (is_moderation, "the input was flagged by the provider's moderation"),
        (is_moderation, "azure openai's content management policy"),
        (is_moderation, "data_inspection_failed"),
        (is_moderation, "your prompt was blocked for safety reasons"),
        (is_about_key, "incorrect api key provided: [hidden]"),
        (is_about_key, "api key not valid. please pass a valid api key."),
        (is_about_key, "missing subscription key"),
        (is_about_model, "the model `x` does not exist or you do not have access to it"),
        (is_about_model, "model 'x' not found, try pulling it first"),
        (is_about_model, "x is not a valid model id"),
        (is_about_system, "developer instruction is not enabled for models/gemma"),
        (is_about_system, "only user and assistant roles are supported!"),
        (is_about_system, "'system' is not one of the roles: system is not supported"),
    ],
)
def test_what_a_complaint_is_about(about, words):
    assert about(words)
    others = {is_moderation, is_about_key, is_about_model} - {about}
    assert not any(other(words) for other in others)


@pytest.mark.parametrize(
    "words",
    [
        "you are not allowed to request logprobs",
        "your account was flagged for a violation of the content policy",
        "internal system error",
        "max_tokens is too large",
        "the server is overloaded",
    ],
)
def test_what_a_complaint_is_not_about(words):
    for about in (is_moderation, is_about_key, is_about_model, is_about_system):
        assert not about(words)
