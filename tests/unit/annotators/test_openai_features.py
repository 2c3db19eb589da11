"""Finding out what a server understands, without a server."""

import pytest

from noisefix.annotators.openai_features import (
    LEAST_ROOM,
    Features,
    Limits,
    Room,
    is_about_room,
    read_limits,
)

ALL = ("response_format", "logprobs", "seed", "max_tokens", "temperature", "system")


def test_begins_with_everything_that_has_a_value():
    assert Features(Room(100), 0.0, 1).active == ALL
    assert Features(Room(None), None, None).active == ("response_format", "logprobs", "system")
    assert Features(Room(100), 0.0, 1, without=("logprobs", "seed")).active == (
        "response_format",
        "max_tokens",
        "temperature",
        "system",
    )


def test_a_named_parameter_is_dropped():
    features = Features(Room(100), 0.0, 1)
    assert features.adapt(ALL, "Unknown parameter: 'seed'")
    assert "seed" not in features.active
    assert len(features.active) == 5


def test_what_another_request_found_out_is_used():
    features = Features(Room(100), 0.0, 1)
    features.adapt(ALL, "seed")
    known = features.active
    assert features.adapt(ALL, "seed")  # sent before that was known: send again, drop nothing
    assert features.active == known


def test_an_unexplained_complaint_drops_one_after_the_other_then_none():
    features = Features(Room(100), 0.0, 1)
    for left in range(5, -1, -1):
        assert features.adapt(features.active, "no")
        assert len(features.active) == left
    assert not features.adapt((), "no")
    assert features.active == ALL  # it was none of them
    assert not features.adapt(ALL, "no")


def test_after_a_success_an_unexplained_complaint_is_about_the_question():
    features = Features(Room(100), 0.0, 1)
    features.is_proven = True
    assert not features.adapt(ALL, "the text is strange")
    assert features.active == ALL
    assert features.adapt(ALL, "logprobs are not available just now")


def test_the_parameter_named_first_is_dropped_and_a_field_goes_before():
    complaint = "logprobs is not supported when using response_format"
    features = Features(Room(100), 0.0, 1)
    features.adapt(ALL, complaint)
    assert "logprobs" not in features.active
    features = Features(Room(100), 0.0, 1)
    features.adapt(ALL, complaint, "response_format")
    assert "response_format" not in features.active
    assert "logprobs" in features.active


def test_alternatives_are_dropped_before_the_log_probabilities(make_questions):
    features = Features(Room(100), 0.0, 1)
    assert features.adapt(ALL, "top_logprobs is not supported")
    sent = features.parameters(make_questions(1)[0], 100)
    assert sent["logprobs"] is True
    assert "top_logprobs" not in sent
    assert features.adapt(features.active, "logprobs is not supported")
    assert "logprobs" not in features.parameters(make_questions(1)[0], 100)


def test_a_complaint_that_may_not_be_guessed_at_changes_nothing():
    features = Features(Room(100), 0.0, 1)
    assert not features.adapt(ALL, "go away", may_guess=False)
    assert features.active == ALL


def test_without_a_system_role_its_words_stand_first(make_questions):
    (question,) = make_questions(1)
    features = Features(Room(100), 0.0, 1)
    assert features.adapt(ALL, "System role not supported")
    (sent,) = features.messages(question.prompt)
    assert sent["role"] == "user"
    assert sent["content"] == "Label the text.\n\nrow 0 of the data"


@pytest.mark.parametrize(
    ("words", "limits"),
    [
        ("This model's maximum context length is 4097 tokens. However, you requested 4797 tokens "
         "(700 in the messages, 4097 in the completion).", Limits(4097, 700)),
        ("maximum context length is 4,096 tokens, however you requested 4,796 tokens (700 in your "
         "prompt; 4096 for the completion)", Limits(4096, 700)),
        ("'max_tokens' is too large: 2048. This model's maximum context length is 2048 tokens and "
         "your request has 700 input tokens (2048 > 2048 - 700).", Limits(2048, 700)),
        ("maximum context length is 2048 tokens. However, you requested 2048 output tokens and "
         "your prompt contains at least 1 input tokens", Limits(2048)),
        ("`inputs` tokens + `max_new_tokens` must be <= 2048. Given: 700 `inputs` tokens and 2048 "
         "`max_new_tokens`", Limits(2048, 700)),
        ("the request exceeds the available context size; n_prompt_tokens 700; n_ctx 2048",
         Limits(2048, 700)),
        ("request (3000 tokens) exceeds the available context size (2048 tokens), try increasing",
         Limits(2048, 3000)),
        ("exceeds the model's maximum context length of 2048 tokens. You requested 2748 tokens: "
         "700 tokens from the input messages and 2048 for the completion", Limits(2048, 700)),
        ("input length and `max_tokens` exceed context limit: 1400 + 2048 > 2500",
         Limits(2500, 1400)),
        ("max_tokens is too large: 9999. This model supports at most 1024 completion tokens",
         Limits(most=1024)),
        ("`max_tokens` must be less than or equal to `1024`", Limits(most=1024)),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 1024]", Limits(most=1024)),
        ("max_tokens: 2048 > 1024, which is the maximum allowed number of output tokens",
         Limits(most=1024)),
        ("exceeds the model limit of 1024. Try a maximum tokens value that is lower",
         Limits(most=1024)),
        ("The context window is exceeded", Limits()),
        ("max_tokens is too large", Limits()),
    ],
)  # fmt: skip
def test_what_complaints_tell(words, limits):
    assert is_about_room(words.lower())
    assert read_limits(words.lower()) == limits


@pytest.mark.parametrize(
    "words",
    [
        "unsupported parameter: 'max_tokens'. use 'max_completion_tokens' instead.",
        "max_tokens: extra inputs are not permitted",
        "logprobs is not supported",
    ],
)
def test_complaints_about_something_else(words):
    assert not is_about_room(words)


def test_a_context_is_shared_out_by_the_length_of_the_prompt():
    room = Room(2048)
    assert room.left(1000) == 2048
    assert room.learn(Limits(context=2048, prompt=700), 2048, 2800)
    assert 1300 <= room.left(2800) <= 2048 - 700
    assert room.left(5600) < room.left(2800) < room.left(100)
    assert room.left(100_000) == LEAST_ROOM
    assert room.most == 2048


def test_a_prompt_that_fills_the_context_leaves_no_room():
    assert not Room(2048).learn(Limits(context=2048, prompt=2040), 2048, 8000)
    assert not Room(2048).learn(Limits(context=10), 2048, 30)


def test_an_unknown_prompt_is_estimated_and_estimated_longer_when_that_was_too_short():
    room = Room(2048)
    left = [2048]
    for _ in range(3):
        assert room.learn(Limits(context=2048), left[-1], 2000)
        left.append(room.left(2000))
    assert left == sorted(set(left), reverse=True)


def test_the_most_that_a_server_takes_holds_for_all():
    room = Room(2048, may_grow=True)
    assert room.learn(Limits(most=1024), 2048, 100)
    assert (room.most, room.more(1024, 100)) == (1024, None)
    assert not room.learn(Limits(most=4096), 1024, 100)


def test_more_room_only_where_it_may_grow():
    assert Room(2048).more(2048, 100) is None
    assert Room(None).more(None, 100) is None
    room = Room(2048, may_grow=True)
    assert room.more(2048, 100) == 8192
    assert room.more(8192, 100) is None
    room.learn(Limits(context=4096, prompt=96), 8192, 100)
    assert 3900 < room.more(2048, 100) <= 4000
