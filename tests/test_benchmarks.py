"""The benchmarks run on tiny input, and their page is made of their figures; no timing here."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parent / "benchmarks"
DOCS = Path(__file__).parents[1] / "docs"
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__main__")
N_FEATURES = 16


@pytest.fixture
def load(load_benchmark):
    return load_benchmark


@pytest.fixture
def make_task(load):
    """Return a function from a name to a task: three separable classes, 15 % wrong labels."""
    sets = load("shared_sets")

    def make(name: str, kind: str = "main", share: float = 0.15, seed: int = 0):
        rng = np.random.default_rng(seed)
        true = rng.integers(0, 3, 120)
        given = np.where(rng.random(120) < share, rng.integers(0, 3, 120), true)
        vectors = np.eye(3, N_FEATURES)[true] + 0.2 * rng.standard_normal((120, N_FEATURES))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        names = np.array(["ask", "buy", "cry"])
        words = [["why", "how"], ["pay", "card"], ["sad", "angry"]]
        texts = tuple(f"{rng.choice(words[label])} text number {i}" for i, label in enumerate(true))
        return sets.Task(
            name,
            kind,
            f"source {seed}",
            True,
            texts,
            tuple(names[given].tolist()),
            tuple(names[true].tolist()),
            vectors.astype(np.float32),
        )

    return make


@pytest.fixture
def without_encoder(load, monkeypatch):
    """Let label names have made-up vectors, so that no encoder is loaded."""

    def embed(texts, label):
        return np.eye(len(texts), N_FEATURES, dtype=np.float32)

    for name in ("shared_sets", "readings"):
        monkeypatch.setattr(load(name), "embed", embed)


@pytest.mark.parametrize("name", MODULES)
def test_module_is_imported(load, name):
    assert load(name).__doc__


def test_comparison_of_tiny_tasks(load, make_task, without_encoder, monkeypatch, tmp_path):
    compare = load("compare")
    monkeypatch.setattr(load("looking"), "CACHE", tmp_path / "embeddings")
    monkeypatch.setattr(compare, "WHO", {"people 1": "people", "rules 2": "rules"})
    monkeypatch.setattr(load("readings"), "WHO", {"people 1": "people", "rules 2": "rules"})
    monkeypatch.setattr(compare, "N_VERIFIED", (30, 100))
    noisy = [make_task(name, seed=seed) for seed, name in enumerate(("people 1", "rules 2"), 1)]
    tasks = [*noisy, make_task("clean", "clean", 0.0, seed=3)]
    said: list[str] = []
    result = load("results").plain(compare.run(tasks, [], said.append))
    people, rules, clean = result["sets"]
    assert [one["who"] for one in result["sets"]] == ["people", "rules", "clean"]
    assert people["sides"]["told"]["average_precision"] > 0.8
    assert people["sides"]["simifeat"]["average_precision"] > 0.8
    assert people["sides"]["told"]["noise_rate"] != people["sides"]["told_shipped"]["noise_rate"]
    assert people["verified"]["30"]["after"] >= people["verified"]["30"]["alone"] > people["given"]
    assert people["verified"]["30"]["right_first"] > 0.8
    assert "100" not in rules["verified"], "half of the rows are fewer"
    assert "average_precision" not in clean["sides"]["plain"]
    assert len(list((tmp_path / "looked").iterdir())) == 3
    first = "\n".join(str(table) for table in compare.first_screen(result))
    assert "| people (1)" in first
    assert "not help" in first or "On none of the sets" in first
    shown = "\n".join(str(table) for table in compare.tables(result))
    assert "| people: noisefix, told " in shown
    assert {h.is_met for h in compare.headlines(result)} <= {True, False}
    results, marks = load("results"), ("first screen", "summary", "compare")
    page = "".join(f"<!-- begin {mark} -->\n<!-- end {mark} -->\n" for mark in marks)
    entry = {"date": "2026-01-01", "seconds": 1.0, "machine": load("machine").describe()}
    filled = results.fill_in(page, {"compare": entry | {"result": result}})
    assert filled.index("| people (1)") < filled.index("begin summary")
    assert filled.index("| people: noisefix, told ") > filled.index("begin compare")


def test_other_constants_than_those_shipped_can_be_tried(load, make_task, without_encoder):
    compare, readings = load("compare"), load("readings")
    task = make_task("noisy")
    before, _ = compare.noisefix(task, "rules")
    for weights, calibrations in (
        (np.array([2.0, 0, 0, 0]), {}),
        (
            np.array(compare.error_model.ERROR_MODEL.weights),
            {"rules": readings.CALIBRATIONS["people"]},
        ),
    ):
        with compare.shipping(readings.Constants(weights, calibrations)):
            tried, _ = compare.noisefix(task, "rules")
        assert np.abs(tried.p_error - before.p_error).max() > 0.01
    again, _ = compare.noisefix(task, "rules")
    assert again.p_error == pytest.approx(before.p_error)


def test_judging_again_does_not_look_again(load, make_task, without_encoder):
    from noisefix.probing import views

    compare, looking = load("compare"), load("looking")
    task, calls, look = make_task("noisy"), [], views.look
    counting = {"look": lambda *args, **kwargs: calls.append(1) or look(*args, **kwargs)}
    alone, _ = compare.noisefix(task, "people")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(views, "look", counting["look"])
        with looking.looking_once():
            first, _ = compare.noisefix(task, "people")
            other, _ = compare.noisefix(task, "rules")
    assert len(calls) == 1
    assert first.p_error == pytest.approx(alone.p_error)
    assert other.noise_rate != first.noise_rate
    assert views.look is look


def test_readings_are_refitted_without_each_source(load, make_task, without_encoder, monkeypatch):
    readings = load("readings")
    who = {"people 1": "people", "rules 2": "rules", "model 3": "model"}
    monkeypatch.setattr(readings, "WHO", who)
    monkeypatch.setattr(readings, "N_VERIFIED", (0, 10))
    tasks = [make_task(name, seed=seed, share=0.1) for seed, name in enumerate(who, 1)]
    tasks.append(make_task("clean 4", "clean", seed=4, share=0.0))
    result = load("results").plain(readings.run(tasks, lambda text: None))
    assert [s["who"] for s in result["sets"]] == ["people", "rules", "model", "clean"]
    people = result["sets"][0]
    assert people["told_0"]["noise_rate"] != people["unknown_0"]["noise_rate"]
    assert set(result["refitted"]) == set(result["shipped"])
    shown = "\n".join(str(table) for table in readings.tables(result))
    assert "people (1), told, 10 verified" in shown
    assert {h.is_met for h in readings.headlines(result)} <= {True, False}


def test_the_class_of_most_errors_is_named(load, make_task, without_encoder):
    one_sided = load("one_sided")
    task = make_task("missed", share=0.0)
    given = tuple(
        "ask" if label == "buy" and k % 3 else label for k, label in enumerate(task.given)
    )
    result = load("results").plain(
        one_sided.run([replace(task, given=given), make_task("all sides")], lambda text: None)
    )
    missed, all_sides = result["sets"]
    assert missed["errors_in_class"] == 1 > all_sides["errors_in_class"]
    assert missed["unknown_after"]["noise_rate"] < missed["unknown_before"]["noise_rate"]
    shown = "\n".join(str(table) for table in one_sided.tables(result))
    assert "| missed " in shown
    assert "HOC" in shown
    assert one_sided.headlines(result)[0].value.endswith("(1 sets)")


def test_corrected_rows_are_no_new_issues_and_spoiled_ones_are(load, make_task, without_encoder):
    gate = load("corrected_rows")
    result = load("results").plain(gate.run([make_task("one")], lambda text: None, n_draws=2))
    (scores,) = result["sets"]
    changed, _, new = scores["corrected"]
    assert changed > 0
    assert new == 0
    changed, flagged, new = scores["spoiled"]
    assert changed == 20
    assert new == flagged > 10
    assert "| one " in "\n".join(str(table) for table in gate.tables(result))
    assert len(gate.headlines(result)) == 2


def test_errors_of_two_steps_are_ranked_by_distance(load, make_task, without_encoder, monkeypatch):
    ordinal = load("ordinal")
    names = ("ask", "buy", "cry")
    monkeypatch.setattr(ordinal, "SCALES", {"scale": names})
    monkeypatch.setitem(ordinal.WHO, "scale", "people")
    task = replace(make_task("scale"), source="scale")
    made = replace(ordinal.with_steps(task, names, 0), name="scale, made 0")
    assert 0.1 < np.mean([a != b for a, b in zip(made.given, task.truth, strict=True)]) < 0.3
    result = load("results").plain(ordinal.run([made], lambda text: None))
    (scale,) = result["sets"]
    assert 0 < scale["far_errors"] < scale["errors"]
    assert "| scale, made errors (1 seeds)" in str(ordinal.tables(result)[0])
    assert " to " in ordinal.headlines(result)[0].value


def test_labels_of_joined_texts_are_judged(load, without_encoder, monkeypatch):
    multi_label = load("multi_label")
    rng = np.random.default_rng(0)
    true = rng.random((120, 3)) < 0.5
    true[true.all(axis=1), 0] = False
    vectors = true @ rng.normal(size=(3, 16)) + rng.normal(scale=0.3, size=(120, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    words = np.array(["red", "blue", "green"])
    texts = [f"{' '.join(words[row])} text {i}" for i, row in enumerate(true)]
    monkeypatch.setattr(multi_label, "SETS", {"made": (3, 120)})
    tasks = [
        multi_label.Joined("made", kind, texts, true, multi_label.spoil(true, kind, 0), vectors)
        for kind in multi_label.KINDS
    ]
    result = load("results").plain(multi_label.run(tasks, lambda text: None))
    assert [s["kind"] for s in result["sets"]] == list(multi_label.KINDS)
    assert all(0 < s["errors"] < 0.3 for s in result["sets"])
    assert all(s["noisefix"]["labels"] > 0.5 for s in result["sets"])
    assert "| made, missing " in str(multi_label.tables(result)[0])
    assert "worst set" in multi_label.headlines(result)[0].value


def test_samples_are_marked_with_the_truth(load, make_task, without_encoder):
    audit = load("audit_coverage")
    result = load("results").plain(audit.run([make_task("one")], lambda text: None, n_draws=20))
    (scores,) = result["sets"]
    assert all(0.5 <= share <= 1 for share in scores["held"][:2])
    assert all(0 <= share <= 1 for share in scores["width"][:2])
    assert "| one " in "\n".join(str(table) for table in audit.tables(result))
    assert audit.headlines(result)[0].value.startswith(("0 of 1", "1 of 1"))


def test_noise_that_is_put_in_is_a_transition(load):
    for made in load("panel").MADE:
        matrix = made.noise(made.n_classes or 9)
        assert matrix.sum(axis=1) == pytest.approx(np.ones(len(matrix))), made.name


def test_process_is_measured_and_its_failure_told(load):
    processes = load("processes")
    used = processes.run_process([sys.executable, "-c", "print('x' * 3)"])
    assert used.stdout.strip() == "xxx"
    assert used.wall_s > 0
    assert 1 < used.peak_mb < 1000
    with pytest.raises(RuntimeError, match="went wrong"):
        processes.run_process([sys.executable, "-c", "raise SystemExit('went wrong')"])


def test_made_texts_are_distinct_and_the_same_every_time(load, tmp_path):
    write_texts = load("made_texts").write_texts
    for name in ("a.csv", "b.csv"):
        write_texts(tmp_path / name, 200)
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert (tmp_path / "b.csv").read_text().splitlines() == lines
    assert len(set(lines)) == len(lines)


def test_how_rows_move_between_subsets(load, tmp_path):
    division = load("noiseal_division")
    subsets = np.array([list("RRHPP"), list("RHHPR")] * 2)
    wrong = np.array([False, True, False, True, False])
    assert {name: counts.tolist() for name, counts in division.sizes(subsets[:2]).items()} == {
        "R": [2, 2],
        "H": [1, 2],
        "P": [2, 1],
    }
    shares = division.wrong_shares(subsets[:2], wrong)
    assert shares["R"].tolist() == [0.5, 0]
    assert shares["P"].tolist() == [0.5, 1]
    moved = division.flows(subsets[0], subsets[1])
    assert {k: n for k, n in moved.items() if n} == {
        ("R", "R"): 1,
        ("R", "H"): 1,
        ("H", "H"): 1,
        ("P", "P"): 1,
        ("P", "R"): 1,
    }
    division.draw(subsets, wrong, tmp_path / "d.png")
    assert (tmp_path / "d.png").stat().st_size > 10_000


@pytest.mark.slow
def test_noiseal_asks_no_more_than_it_may(load, monkeypatch):
    replay, cases = load("noiseal_replay"), load("training_cases")
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 150)
    given = np.where(rng.random(150) < 0.3, rng.integers(0, 3, 150), true)
    features = (np.eye(3, 8)[true] + 0.3 * rng.normal(size=(150, 8))).astype(np.float32)
    data = cases.TrainingData(features, given, 3, word_features=np.eye(3)[true])
    case = cases.Case("semeval_mixtral", data, true, true.copy(), features, true)
    monkeypatch.setattr(replay, "make_case", lambda name: case)
    monkeypatch.setattr(replay, "_with_bad", lambda case: case)
    result = load("results").plain(replay.run(["semeval_mixtral"], 1, ["fpb_llm"]))
    entry = result["sets"]["semeval_mixtral"]
    assert 0 < entry["share_asked"] <= 0.3
    assert entry["answers_right"] == 1
    assert np.mean(entry["asked"]) > 0.9
    assert "± " in str(replay.tables(result)[0])
    assert "fpb_llm: llm_dolly" in str(replay.tables(result)[1])
    assert replay.headlines(result)[0].asked == "at least 4 points"


def test_training_says_what_methods_gain(load):
    training = load("training")

    def entry(lr_given, *parts, **methods):
        found = {m: {"accuracies": a, "seconds": 1.0, "error": 0.01} for m, a in methods.items()}
        about = {"lr_given": lr_given, "lr_true": 0.9, "rows": 10, "test_rows": 100}
        return about | dict.fromkeys(parts or ("methods",), found)

    both = ("told", "methods")
    result = {
        "seeds": 2,
        "sets": {
            "fpb_llm": entry(0.5, *both, ce=[0.52, 0.54], sidyp=[0.6, 0.6]),
            "sms_weak": entry(0.6, *both, ce=[0.6, 0.6], sidyp=[0.57, 0.57]),
            "clean_snips": entry(0.9, ce=[0.95, 0.95], sidyp=[0.94, 0.94]),
        },
    }
    noisy = {name: result["sets"][name] for name in ("fpb_llm", "sms_weak")}
    assert training.gains(noisy, "sidyp", "lr_given") == pytest.approx([0.1, -0.03])
    assert training.gains(noisy, "sidyp", "ce", "told") == pytest.approx([0.07, -0.03])
    gained, worst, *_ = (str(table) for table in training.tables(result))
    sidyp = next(line for line in gained.splitlines() if line.startswith("| sidyp"))
    cells = [cell.strip() for cell in sidyp.strip("|").split("|")]
    assert cells == ["sidyp", *["-", "-3.0", "+10.0", "-3.0"] * 2, "-1.0", "1.0"]
    sidyp = next(line for line in worst.splitlines() if line.startswith("| sidyp"))
    cells = [cell.strip() for cell in sidyp.strip("|").split("|")]
    assert cells == ["sidyp", "sms_weak", "-3.0", "1.0", "1", "1"]
    said = {h.what.split(":")[0]: (h.value, h.is_met) for h in training.headlines(result)}
    assert said["sidyp, told who labelled"] == ("+3.5 / -3.0", False)
    assert said["clean sets"] == ("-1.00", False)


def test_training_tests_on_every_set_with_truth_in_its_test_split(load):
    training, sets = load("training"), load("shared_sets")
    assert set(training.SETS) <= set(sets.WHO)
    assert not set(training.CLEAN) & set(sets.WHO)
    try:
        names = sorted(path.stem for path in sets.folder().glob("*.csv"))
    except sets.SharedDataAbsentError:
        pytest.skip("the shared data are not there")
    tested = {*training.SETS, *training.CLEAN}
    for name in set(names) & {*sets.WHO, *sets.CLEAN_SETS, *sets.NEW_CLEAN_SETS}:
        table = sets.load(name)
        known = ((table["split"] == "test") & (table["true_label"] != "")).sum()
        assert (known > 0) == (name in tested), name


def test_a_static_encoder_is_judged_beside_the_default_one(load, make_task, without_encoder):
    static = load("static")

    class Encoder:
        """Tells the classes apart by their words."""

        dimension = N_FEATURES

        def encode(self, texts):
            words = {"why": 0, "how": 0, "ask": 0, "pay": 1, "card": 1, "buy": 1}
            kinds = [words.get(text.split()[0], 2) for text in texts]
            return np.eye(3, N_FEATURES, dtype=np.float32)[kinds]

    found = static.judge_set(make_task("noisy"), {"static": Encoder(), "tfidf": Encoder()})
    assert min(found[name] for name in ("default", "static", "tfidf")) > 0.8
    other = {"name": "b", "who": "rules", "default": 0.5, "static": 0.4, "tfidf": 0.3}
    speeds = {"default": 10.0, "static": 200.0}
    result = {"distil_s": 9.0, "texts_per_s": speeds, "sets": [found, other]}
    shown = str(static.tables(result)[0])
    assert "mean of 1" in shown
    assert "200 with the static one" in shown
    times, lost = static.headlines(result)
    assert times.value == "20.0"
    assert lost.value.endswith(".100")


def test_growth_exponent(load):
    exponent = load("growth").exponent
    small, large = ({"rows": n, "stages": {"joint": n**2 / 1e6}} for n in (100, 1000))
    assert exponent(small, large, "joint") == pytest.approx(2)


def test_names_and_groups(load):
    main = load_main()
    chosen = main.chosen(["growth", "quality"])
    quality = list(main.GROUPS["quality"])
    assert chosen == [*quality, "growth", "training_growth"]
    assert main.chosen([]) == list(main.NAMES)
    with pytest.raises(SystemExit, match="2"):
        main.main(["nonsense"])


def load_main():
    spec = spec_from_file_location("noisefix_benchmarks_main", FOLDER / "__main__.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_is_made_of_its_figures(load):
    results = load("results")
    entries = json.loads((DOCS / results.JSON_FILE).read_text(encoding="utf-8"))
    page = (DOCS / results.PAGE).read_text(encoding="utf-8")
    assert results.fill_in(page, entries) == page, "run: python tests/benchmarks NAME --docs"
    for path, name, text in results.other_pages(entries):
        page = (DOCS / path).read_text(encoding="utf-8")
        assert results.between(page, name, text, path) == page, f"{path}: as above"


def test_guessing_changes_nothing_on_a_tiny_task(load, make_task, without_encoder):
    guessing = load("guessing")
    cases = list(guessing.run_set(make_task("noisy"), n_seeds=1))
    assert {case["annotator"] for case in cases} == {
        "random",
        "commonest",
        "rarest",
        "always the given one",
        "always the suggested one",
        "another where flagged",
        "errs like the views",
    }
    assert all(case["worst"] >= 0 and case["tries"] == 3 for case in cases)
    assert sum(case["alarms"] for case in cases) >= 7
    (table,) = guessing.tables({"cases": cases})
    assert len(table.rows) == 7
    assert guessing.headlines({"cases": cases})[0].is_met


def test_missing_classes_of_a_tiny_set(load, monkeypatch):
    missing = load("missing_classes")
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(9), 30)
    vectors = np.eye(9, N_FEATURES)[truth] + 0.1 * rng.standard_normal((270, N_FEATURES))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = tuple(f"class {k}" for k in truth)
    texts = tuple(f"text {row}" for row in range(270))
    task = load("shared_sets").Task(
        "tiny", "clean", "tiny", False, texts, names, names, vectors.astype(np.float32)
    )
    monkeypatch.setattr(missing, "train_task", lambda name: task)
    monkeypatch.setattr(missing, "GONE", {"tiny": 1})
    monkeypatch.setattr(missing, "MANY_CLASSES", ())
    result = load("results").plain(missing.run(lambda text: None))
    at_random = [case for case in result["missing"] if case["way"] == "at random"]
    assert all(case["classes"] == 1 for case in at_random)
    assert all(case["right"] == case["rows"] > 20 for case in at_random)
    assert [case["groups"] for case in result["whole"]] == [0, 0, 0]
    found, whole = missing.tables(result)
    assert found.rows[0][2] == "3 of 3"
    assert len(whole.rows) == 3
    assert missing.headlines(result)[0].value.startswith("100 %")


def test_what_a_label_ruled_out_is_worth_is_shown(load):
    ruled_out = load("not_this_one")
    ways = ("estimated, nobody asked", "given label ruled out", "right label named")
    looked_at = {str(n): dict(zip(ways, (0.8, 0.9, 1.0), strict=True)) for n in ruled_out.LOOKED_AT}
    at_random = {str(m): 0.9 for m in ruled_out.AT_RANDOM}
    result = {"draws": [{"given": 0.8, "looked_at": looked_at, "at_random": at_random}]}
    first, second = ruled_out.tables(result)
    assert first.rows[0][1:] == ("80.0 %", "90.0 %", "100.0 %")
    assert second.rows[0] == ("10 of a row", "90.0 %")
    assert ruled_out.headlines(result)[0].value == "50 % (50 %)"
