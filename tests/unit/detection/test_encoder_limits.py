"""Texts that the default encoder does not know are said."""

import pytest

from noisefix.common_options import DEFAULT_ENCODER
from noisefix.detection.encoder_limits import calibration_note, language_warning

ENGLISH = "where is the parcel that i have ordered, it was to be here on monday"
OTHERS = {
    "Spanish": "hola, dónde está el paquete que pedí hace dos semanas, nadie me contesta",
    "German": "wo bleibt denn mein Paket, das ich vor zwei Wochen bestellt habe",
    "Arabic": "أين الطرد الذي طلبته قبل أسبوعين ولم يصل بعد",
    "Hausa": "ina kunshin da na saya makonni biyu da suka wuce bai iso ba tukuna",
}


@pytest.mark.parametrize("language", OTHERS)
def test_another_language_is_said_and_a_remedy_is_named(language):
    (warning,) = language_warning([OTHERS[language]] * 60, DEFAULT_ENCODER)
    assert "do not look English" in warning
    assert "--encoder" in warning


def test_english_few_words_and_the_users_own_encoder_are_not_warned_of():
    assert language_warning([ENGLISH] * 60, DEFAULT_ENCODER) == ()
    assert language_warning([OTHERS["German"]] * 5, DEFAULT_ENCODER) == ()
    assert language_warning([OTHERS["German"]] * 60, "tfidf") == ()
    assert language_warning([None, ""], DEFAULT_ENCODER) == ()


def test_a_few_foreign_texts_among_english_ones_are_no_matter():
    assert language_warning([ENGLISH] * 50 + [OTHERS["Arabic"]] * 10, DEFAULT_ENCODER) == ()


def test_other_encoders_are_said_not_to_be_calibrated_until_rows_are_verified():
    (note,) = calibration_note("tfidf", 0)
    assert "with tfidf the noise rate may read too high" in note
    assert calibration_note("tfidf", 30) == calibration_note(DEFAULT_ENCODER, 0) == ()
