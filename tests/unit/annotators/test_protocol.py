"""The key of a question: everything that is asked, and nothing else."""

from dataclasses import replace

import pytest

from noisefix.annotators.protocol import Identity, Message, Question, key_maker

IDENTITY = Identity("openai", "m-1", {"temperature": 0.0, "seed": 0})
QUESTION = Question("a", ("pos", "neg"), (Message("system", "Label."), Message("user", "Fine!")))


def key_of(question=QUESTION, identity=IDENTITY):
    return key_maker(identity)(question)


def test_key_does_not_depend_on_the_row_id():
    assert key_of(replace(QUESTION, id="another")) == key_of()


def test_key_is_the_same_in_every_process():
    assert key_of().hex() == "aad2db2b62aaeead8bc58d87985f0087631136525abe922385923e6148698444"


@pytest.mark.parametrize(
    "other",
    [
        replace(QUESTION, label_pool=("neg", "pos")),
        replace(QUESTION, label_pool=("pos", "neg", "so-so")),
        replace(QUESTION, vote=1),
        replace(QUESTION, prompt=(Message("system", "Label."), Message("user", "Fine?"))),
        replace(QUESTION, prompt=(Message("user", "Label."), Message("user", "Fine!"))),
        replace(QUESTION, prompt=(Message("system", "Label.Fine"), Message("user", "!"))),
        replace(QUESTION, prompt=(Message("system", "Label.userFine!"),)),
    ],
)
def test_key_depends_on_everything_that_is_asked(other):
    assert key_of(other) != key_of()


@pytest.mark.parametrize(
    "other",
    [
        Identity("local", "m-1", IDENTITY.sampling),
        Identity("openai", "m-2", IDENTITY.sampling),
        Identity("openai", "m-1", {"temperature": 0.5, "seed": 0}),
    ],
)
def test_key_depends_on_who_is_asked(other):
    assert key_of(identity=other) != key_of()


def test_key_takes_any_text():
    odd = replace(QUESTION, prompt=(Message("user", "\ud800 \x00 é 漢"),))
    assert len(key_of(odd)) == 32
