import pytest

import noisefix
from noisefix.errors import UsageError
from noisefix.seeds import HIGHEST_SEED, check_seed


def test_the_range():
    check_seed(0)
    check_seed(HIGHEST_SEED)
    check_seed(HIGHEST_SEED - 4, 5)
    for seed, n_seeds in ((-1, 1), (HIGHEST_SEED + 1, 1), (HIGHEST_SEED - 3, 5)):
        with pytest.raises(UsageError, match=f"--seed is {seed}"):
            check_seed(seed, n_seeds)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "d.csv"
    rows = (f"{['late parcel', 'my invoice'][i % 2]} {i},{'ab'[i % 2]}\n" for i in range(40))
    path.write_text("text,label\n" + "".join(rows))
    return path


def test_every_function_that_draws_refuses_others(table, tmp_path):
    run, too_large = tmp_path / "run", HIGHEST_SEED + 1
    noisefix.detect(table, run, encoder="tfidf", seed=HIGHEST_SEED)
    embeddings = run / "embeddings.parquet"
    calls = {
        "detect": lambda: noisefix.detect(table, tmp_path / "x", encoder="tfidf", seed=too_large),
        "embed": lambda: noisefix.embed(
            table, tmp_path / "e.parquet", encoder="tfidf", seed=too_large
        ),
        "joint": lambda: noisefix.joint(embeddings, tmp_path / "j", seed=too_large),
        "candidates": lambda: noisefix.candidates(
            embeddings, run / "issues.parquet", tmp_path / "c.parquet", seed=too_large
        ),
        "noise": lambda: noisefix.noise(table, tmp_path / "n.csv", seed=too_large),
        "train": lambda: noisefix.train(run, tmp_path / "m", method="ce", seed=too_large),
        "check": lambda: noisefix.check(table, max_issues=5, encoder="tfidf", seed=too_large),
    }
    for call in calls.values():
        with pytest.raises(UsageError, match=f"--seed is {too_large}"):
            call()
