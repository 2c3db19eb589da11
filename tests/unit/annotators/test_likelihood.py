"""Batches, and what happens when memory runs out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from noisefix.annotators.likelihood import Scorer, ScoringTask
from noisefix.annotators.local_model import load_local_model
from noisefix.errors import ModelError

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.usefixtures("one_torch_thread")
Save = Callable[..., Path]
TASKS = [
    ScoringTask(list(range(10, 10 + length)), [[5], [6, 7], [8, 9, 10]]) for length in (3, 9, 5, 9)
]


@pytest.fixture
def model(save_tiny_model: Save) -> Any:
    return load_local_model(save_tiny_model(), "cpu", "fp32").model


def scores(scorer: Scorer) -> dict[int, list[float]]:
    return {place: sums for batch in scorer.score(TASKS) for place, sums in batch}


def test_the_longest_come_first_in_batches_that_fit(model: Any) -> None:
    batches = [[place for place, _ in batch] for batch in Scorer(model, 0, 24).score(TASKS)]
    assert batches == [[1, 3], [2, 0]]
    assert list(Scorer(model, 0, 24).score([])) == []


def test_the_size_of_batches_changes_nothing(model: Any) -> None:
    reference = scores(Scorer(model, 0, 1))
    for size in (13, 30, 1_000):
        for place, sums in scores(Scorer(model, 0, size)).items():
            assert sums == pytest.approx(reference[place], abs=1e-4)


def test_a_prompt_is_computed_once_for_all_its_continuations(model: Any) -> None:
    forward, seen = model.forward, []

    def counting(*, input_ids: Any, **options: Any) -> Any:
        seen.append(tuple(input_ids.shape))
        return forward(input_ids=input_ids, **options)

    scorer = Scorer(model, 0, 1_000)
    model.forward = counting
    try:
        list(scorer.score([ScoringTask(list(range(10, 60)), [[5], [6, 7], [8, 9, 10]])]))
    finally:
        model.forward = forward
    assert seen == [(1, 50), (2, 2)]  # the prompt; then all but the last token of the longer ones


@pytest.mark.parametrize("error", ["cuda", "cpu"])
def test_running_out_of_memory_halves_the_batch(model: Any, error: str) -> None:
    expected = scores(Scorer(model, 0, 1_000))
    forward, widest = model.forward, []

    def tight(*, input_ids: Any, **options: Any) -> Any:
        if input_ids.numel() > 20:
            if error == "cuda":
                raise torch.OutOfMemoryError("CUDA out of memory.")
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to ...")
        widest.append(input_ids.numel())
        return forward(input_ids=input_ids, **options)

    scorer = Scorer(model, 0, 1_000)
    model.forward = tight
    try:
        assert scores(scorer).keys() == expected.keys()
    finally:
        model.forward = forward
    assert max(widest) <= 20
    assert scorer.max_batch_tokens < 50  # remembered


def test_a_single_prompt_that_does_not_fit_is_an_error(model: Any) -> None:
    forward = model.forward

    def full(**options: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    scorer = Scorer(model, 0, 1_000)
    model.forward = full
    try:
        with pytest.raises(ModelError, match="single prompt of 12 tokens"):
            scores(scorer)
    finally:
        model.forward = forward


def test_other_errors_are_not_swallowed(model: Any) -> None:
    forward = model.forward

    def broken(**options: Any) -> Any:
        raise RuntimeError("shapes do not match")

    scorer = Scorer(model, 0, 1_000)
    model.forward = broken
    try:
        with pytest.raises(RuntimeError, match="shapes"):
            scores(scorer)
    finally:
        model.forward = forward


@pytest.mark.parametrize("kind", ["llama", "mistral", "gpt2", "bloom"])
def test_models_with_keys_and_values_share_the_prompt(save_tiny_model: Save, kind: str) -> None:
    model = load_local_model(save_tiny_model(kind), "cpu", "fp32").model
    scorer = Scorer(model, 0, 1_000)
    assert scorer.shares_prefix
    expected = [scorer._score_plainly(task) for task in TASKS]
    for place, sums in scores(scorer).items():
        assert sums == pytest.approx(expected[place], abs=1e-3)


def test_models_that_keep_something_else_do_not(save_tiny_model: Save) -> None:
    model = load_local_model(save_tiny_model("mamba"), "cpu", "fp32").model
    assert not Scorer(model, 0, 1_000).shares_prefix


def test_a_cache_that_is_not_used_is_noticed(model: Any) -> None:
    forward = model.forward

    def forgetful(*, input_ids: Any, cache: Any = None, **options: Any) -> Any:
        """Take a cache, and look at no prompt that lies in it."""
        mask = options.pop("attention_mask")[:, -input_ids.shape[1] :]
        if cache is not None and not len(cache):
            return forward(input_ids=input_ids, cache=cache, attention_mask=mask, **options)
        return forward(input_ids=input_ids, attention_mask=mask, **options)

    model.forward = forgetful
    try:
        assert not Scorer(model, 0, 1_000).shares_prefix
    finally:
        model.forward = forward


def test_a_cache_under_another_name_is_noticed(model: Any) -> None:
    forward = model.forward

    def renamed(*, input_ids: Any, memory: Any = None, **options: Any) -> Any:
        return forward(input_ids=input_ids, **options)

    model.forward = renamed
    try:
        assert not Scorer(model, 0, 1_000).shares_prefix
    finally:
        model.forward = forward
