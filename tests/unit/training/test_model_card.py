from __future__ import annotations

from noisefix.training.model_card import model_card

ABOUT = {
    "class_names": ["refund", "a|b", "evil `code`\n# heading"],
    "encoder": {"name": "tfidf", "sha256": "ab" * 32, "dimension": 256, "is_tuned": False},
    "method": "gce",
    "parameters": {"q": 0.7, "epochs": 3},
    "seed": 4,
    "metrics": {"rows": 608.0, "labelled": 601.0, "loss": 0.5},
    "noisefix_version": "0.1.0",
}


def test_it_says_what_a_person_needs():
    card = model_card(ABOUT)
    assert "Text classifier of 3 classes" in card
    assert "Trained on the 601 labelled rows of 608, with the method `gce`" in card
    assert "noisefix evaluate" in card
    assert "nothing else is needed" in card
    assert "| option `epochs` | `3` |" in card
    assert "option `q`" not in card, "0.7 is the default"


def test_names_of_the_data_stay_code():
    card = model_card(ABOUT)
    assert "- `evil  code  # heading`" in card
    assert "\n# heading" not in card
    assert "- `a b`" in card


def test_very_many_classes_are_not_all_listed():
    card = model_card(ABOUT | {"class_names": [f"class {k}" for k in range(150)]})
    assert "and 90 more" in card
    assert "class 149" not in card


def test_an_encoder_outside_of_the_folder_is_named():
    encoder = ABOUT["encoder"] | {"name": "sentence-transformers/all-MiniLM-L6-v2"}
    card = model_card(ABOUT | {"encoder": encoder})
    assert "needs the encoder `sentence-transformers/all-MiniLM-L6-v2`" in card
    assert "abababababababab" in card
    tuned = model_card(ABOUT | {"encoder": encoder | {"is_tuned": True}})
    assert "trained along, lies in the folder" in tuned


def test_options_of_a_part_are_shown_where_they_were_changed():
    from dataclasses import asdict

    from noisefix.training.registry import METHODS

    parameters = asdict(METHODS["sidyp"].load()[1]())
    assert "| option" not in model_card(ABOUT | {"method": "sidyp", "parameters": parameters})
    parameters["process"]["n_steps"] = 77
    card = model_card(ABOUT | {"method": "sidyp", "parameters": parameters})
    assert "| option `process.n_steps` | `77` |" in card
    assert card.count("| option") == 1
