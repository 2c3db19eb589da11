from __future__ import annotations

import pytest

from noisefix.classifiers.finetune import (
    begin_tuning,
    choose_features_params,
    known_parameters,
    tuned_reference,
)
from noisefix.errors import ModelError, UsageError
from noisefix.training.finetune.tuning import TuningParams
from noisefix.training.registry import METHODS

_ENCODERS_OWN = {"encoder_rate", "max_tokens", "token_budget", "precision"}


def test_frozen_features_have_no_options_of_an_encoder():
    params, of_encoder = choose_features_params("frozen", "ce", {"epochs": 7})
    assert (params.epochs, of_encoder) == (7, None)
    with pytest.raises(UsageError, match="encoder_rate"):
        choose_features_params("frozen", "ce", {"encoder_rate": 1e-3})
    with pytest.raises(UsageError, match="melted"):
        choose_features_params("melted", "ce", {})


def test_options_go_to_the_method_or_to_the_encoder():
    params, of_encoder = choose_features_params(
        "finetune", "ce", {"batch_size": 8, "encoder_rate": 1e-3}
    )
    assert (params.epochs, params.batch_size) == (5, 8)  # fewer epochs than for a head alone
    assert of_encoder == TuningParams(encoder_rate=1e-3)
    with pytest.raises(UsageError, match="no parameter 'colour'"):
        choose_features_params("finetune", "ce", {"colour": 1})


def test_sidyps_encoder_has_epochs_of_its_own():
    params, _ = choose_features_params("finetune", "sidyp", {"epochs": 2, "n_samples": 3})
    assert (params.tuning.epochs, params.epochs, params.n_samples) == (2, 10, 3)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_acts_within_its_epochs(method):
    params, _ = choose_features_params("finetune", method, {})
    assert getattr(params, "warm_epochs", 0) < getattr(params, "epochs", 1)
    if method == "coteaching":
        assert params.ramp < params.epochs
    known = known_parameters("finetune", method)
    assert known >= known_parameters("frozen", method) | _ENCODERS_OWN


def test_another_encoder_than_the_runs_is_refused(tmp_path):
    class Run:
        encoder, encoder_sha256, texts = str(tmp_path), "0" * 64, ("a",)

    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="not the one that the run was embedded with"):
        begin_tuning(Run(), TuningParams())


def test_the_reference_names_where_the_encoder_came_from(monkeypatch, tmp_path):
    import numpy as np

    class Tuned:
        texts, folder = ("a", "b"), tmp_path

        class files:  # noqa: N801
            name = "some/encoder"

        def encode(self, texts):
            return np.zeros((len(texts), 7), np.float32)

    (tmp_path / "config.json").write_text("{}")
    found = tuned_reference(Tuned())
    assert (found.name, found.dimension, found.is_tuned) == ("some/encoder", 7, True)
    assert len(found.sha256) == 64
