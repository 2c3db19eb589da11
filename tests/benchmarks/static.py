"""What a static encoder costs in found errors, and what it saves in time.

``python tests/benchmarks static``. The static encoder is made of the default one by the recipe of
docs/recipes/static-encoder.md, without a look at any set; each set's labels are then judged with
the default encoder, with the static one and with tfidf. The constants of p_error were fitted with
the default encoder on these very sets, which is an advantage for it.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from detection import class_ids
from report import Headline, Table, mean, number
from shared_sets import (
    MAIN_SETS,
    NEW_SETS,
    REPOSITORY,
    WHO,
    Task,
    encoder,
    stage_tables,
    train_tasks,
)

from noisefix.detection.joint_stage import JointParams, judge_labels
from noisefix.metrics.detection import average_precision

if TYPE_CHECKING:
    from noisefix.encoders.protocol import Encoder

N_TEXTS = 3000
KINDS = ("model", "rules", "people")
Result = dict[str, Any]


def distil(teacher: Path, folder: Path) -> None:
    """Make a static encoder as the recipe says."""
    page = (REPOSITORY / "docs" / "recipes" / "static-encoder.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(compile(code, "static-encoder.md", "exec"), names)
    names["distil"](str(teacher), str(folder))


def run(
    tasks: Sequence[Task] | None = None,
    teacher: Path | None = None,
    progress: Callable[[str], None] = print,
) -> Result:
    """Judge every set with each encoder.

    Args:
        tasks: other sets than the shared ones.
        teacher: folder of the encoder to make a static one of; None: the default one's.
        progress: told of each set as it is done.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    from noisefix.encoders import find_encoder, load_encoder

    tasks = list(train_tasks((*MAIN_SETS, *NEW_SETS))) if tasks is None else tasks
    with tempfile.TemporaryDirectory() as name:
        start = time.perf_counter()
        distil(teacher or find_encoder().folder or Path(), Path(name))
        seconds = time.perf_counter() - start
        static = load_encoder(f"static:{name}")
        sets = []
        for task in tasks:
            # Fitted to its texts, so another one for each set.
            others = {"static": static, "tfidf": load_encoder("tfidf")}
            sets.append(judge_set(task, others))
            progress(f"{task.name}: {sets[-1]}")
        texts = [text for task in tasks for text in task.texts][:: max(1, len(tasks) // 4)]
        speeds = {"default": speed(encoder(), texts), "static": speed(static, texts)}
    return {"distil_s": seconds, "texts_per_s": speeds, "sets": sets}


def judge_set(task: Task, others: Mapping[str, Encoder]) -> Result:
    """Return the average precision of finding the wrong labels, by encoder.

    Args:
        task: the set; its embeddings are those of the default encoder.
        others: encoders beside it, by name; "tfidf" does not know what label names mean.
    """
    _, given, truth = class_ids(task)
    known = (given >= 0) & (truth >= 0)
    who = WHO.get(task.name, "model")
    plain = stage_tables(task)
    inputs = {"default": plain}
    for name, one in others.items():
        made = replace(task, embeddings=one.encode(list(task.texts)))
        inputs[name] = stage_tables(made) | _names(plain, one)
        if name == "tfidf":
            del inputs[name]["label_names"]
    found: Result = {"name": task.name, "who": who}
    for name, tables in inputs.items():
        judged = judge_labels(tables, JointParams(labelled_by=who))
        wrong = (given != truth)[known]
        found[name] = average_precision(wrong, judged.estimate.p_error[known])
    return found


def _names(tables: dict[str, pa.Table], one: Encoder) -> dict[str, pa.Table]:
    names = tables["label_names"]
    vectors = one.encode(names["text"].to_pylist())
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
    return {"label_names": names.set_column(2, "embedding", column)}


def speed(one: Encoder, texts: Sequence[str]) -> float:
    """Return texts a second; the fastest of three times."""
    some = list(dict.fromkeys(texts))[:N_TEXTS]
    one.encode(some[:50])
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        one.encode(some)
        seconds.append(time.perf_counter() - start)
    return len(some) / min(seconds)


def losses(sets: Sequence[Result], name: str) -> np.ndarray:
    """Return how much average precision is lost on each set against the default encoder."""
    return np.array([one["default"] - one[name] for one in sets])


def tables(result: Result) -> list[Table]:
    """Return every set, and the means by who labelled."""
    rows = [
        (
            one["name"],
            one["who"],
            *(number(one[name], 3) for name in ("default", "static", "tfidf")),
        )
        for one in result["sets"]
    ]
    for kind in KINDS:
        some = [one for one in result["sets"] if one["who"] == kind]
        if some:
            means = (mean([one[name] for one in some]) for name in ("default", "static", "tfidf"))
            rows.append((f"mean of {len(some)}", kind, *(number(m, 3) for m in means)))
    speeds = result["texts_per_s"]
    return [
        Table(
            "Average precision of finding the wrong labels, by encoder",
            ("set", "labelled by", "all-MiniLM-L6-v2", "static, made of it", "tfidf"),
            tuple(rows),
            f"Texts a second on this machine: {speeds['default']:,.0f} with the default encoder, "
            f"{speeds['static']:,.0f} with the static one, which took {result['distil_s']:.0f} s "
            "to make.",
        )
    ]


def headlines(result: Result) -> list[Headline]:
    """Return what is lost and what is saved."""
    lost = losses(result["sets"], "static")
    ratio = result["texts_per_s"]["static"] / result["texts_per_s"]["default"]
    return [
        Headline(
            "a static encoder instead of the default one: times faster",
            number(ratio, 1),
        ),
        Headline(
            "the same, average precision lost: mean, and the worst set",
            f"{number(float(lost.mean()), 3)}, {number(float(lost.max()), 3)}",
        ),
    ]
