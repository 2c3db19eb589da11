"""Finding out what a server understands, without a server."""

from noisefix.annotators.openai_features import Features
from noisefix.annotators.openai_room import Room

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
