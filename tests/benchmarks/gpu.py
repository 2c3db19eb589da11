"""What a GPU does: encoding, ``detect`` and fine-tuning, in under four minutes.

``python tests/benchmarks/gpu.py [--device cuda] [--rows N] [--json FILE]`` prints a table; without
a GPU it says so and ends. ``--device cpu --rows 80`` tries the script out. Every line is a process
of its own, so that a first pass pays for loading kernels and for whatever is tuned for new shapes.
What has not begun when the time is over is left out, and the table says so.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from made_texts import write_texts
from processes import noisefix_command, run_process
from report import Table, number

N_ROWS = 200_000
N_TUNED, N_TEST, EPOCHS, SEEDS = 1749, 600, 5, 3
TIME_S = 230.0
Facts = dict[str, Any]


def read_texts(path: Path) -> tuple[list[str], list[str], list[str]]:
    """Return texts, given labels and true labels."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple([row[name] for row in rows] for name in ("text", "label", "true_label"))  # type: ignore[return-value]


def encode(data: Path, device: str, precision: str, kernels: str) -> Facts:
    """Return texts a second of three passes over the same texts.

    Args:
        data: CSV of the texts.
        device: of the encoder.
        precision: "fp32" or "bf16".
        kernels: "steady", as shipped; or "any" that torch may choose for attention.
    """
    from noisefix.encoders import bert, load_encoder

    texts = list(dict.fromkeys(read_texts(data)[0]))[: N_ROWS // 4]
    encoder = load_encoder(device=device, precision=precision)
    chosen = bert.steady_attention if kernels == "steady" else lambda device: nullcontext()
    seconds = []
    with patch.object(bert, "steady_attention", chosen):
        for _ in range(3):
            start = time.perf_counter()
            encoder.encode(texts)
            seconds.append(time.perf_counter() - start)
    return {"texts": len(texts), "texts_per_s": [len(texts) / one for one in seconds]}


def plain_encode(data: Path, device: str, precision: str, batch_size: int) -> Facts:
    """Return texts a second of ``SentenceTransformer.encode``, when it is warm."""
    import torch
    from sentence_transformers import SentenceTransformer

    from noisefix.encoders import find_encoder

    texts = list(dict.fromkeys(read_texts(data)[0]))[: N_ROWS // 20]
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    model = SentenceTransformer(
        str(find_encoder().folder), device=device, model_kwargs={"dtype": dtype}
    )
    model.encode(texts[: len(texts) // 5], batch_size=batch_size)
    start = time.perf_counter()
    model.encode(texts, batch_size=batch_size)
    return {"texts": len(texts), "texts_per_s": [len(texts) / (time.perf_counter() - start)]}


def finetune(data: Path, device: str) -> Facts:
    """Return seconds, steps a second and accuracy of fine-tuning with ce, by seed."""
    from noisefix.classifiers.finetune import choose_features_params
    from noisefix.encoders import find_encoder
    from noisefix.training.finetune.tuning import Tuning
    from noisefix.training.interface import TrainingData, finish
    from noisefix.training.registry import find_method

    texts, given, true = read_texts(data)
    names = sorted(set(given) | set(true))
    n_rows = min(N_TUNED, len(texts) * 3 // 4)
    labels = np.array([names.index(label) for label in given], dtype=np.int64)
    wanted = np.array([names.index(label) for label in true])[n_rows : n_rows + N_TEST]
    found: Facts = {"rows": n_rows, "seconds": [], "accuracy": []}
    for seed in range(SEEDS):
        tuning = Tuning(find_encoder(), texts[:n_rows])
        features = np.zeros((n_rows, 384), np.float32)
        train = TrainingData(features, labels[:n_rows], len(names), tuning=tuning)
        params, _ = choose_features_params("finetune", "ce", {"epochs": EPOCHS})
        start = time.perf_counter()
        model = finish(find_method("ce").load()[0](train, params, seed=seed, device=device))
        found["seconds"].append(time.perf_counter() - start)
        probs = model.predict_probs(tuning.encode(texts[n_rows : n_rows + N_TEST]))
        found["accuracy"].append(float((probs.argmax(axis=1) == wanted).mean()))
        tuning.close()
    return found


def detect(data: Path, device: str) -> Facts:
    """Return the seconds of ``detect`` as a process, and of its stages."""
    with tempfile.TemporaryDirectory() as name:
        command = [*noisefix_command(), "detect", str(data), "-o", f"{name}/run"]
        used = run_process([*command, "--device", device, "--json", "--quiet"])
    return {"wall_s": used.wall_s, "stages": json.loads(used.stdout)["seconds"]}


PARTS: dict[str, tuple[str, Callable[..., Facts], tuple[Any, ...]]] = {
    "encode, bf16": ("all", encode, ("bf16", "steady")),
    "encode, bf16, any kernel for attention": ("all", encode, ("bf16", "any")),
    "encode, fp32": ("all", encode, ("fp32", "steady")),
    "SentenceTransformer.encode": ("all", plain_encode, ("fp32", 32)),
    "SentenceTransformer.encode, bf16, batches of 512": ("all", plain_encode, ("bf16", 512)),
    "fine-tuning with ce": ("few", finetune, ()),
    "detect, a small file": ("few", detect, ()),
    "detect": ("all", detect, ()),
}
"""What each line measures: on which of the two files, by which function, with what arguments."""


def run(device: str = "cuda", rows: int = N_ROWS, time_s: float = TIME_S) -> Facts:
    """Measure every part in a process of its own.

    Args:
        device: "cuda", or "cpu" to try the script out.
        rows: made texts; no more than 1,749 of them are for fine-tuning.
        time_s: no part begins later.
    """
    start = time.perf_counter()
    found: Facts = {"device": device, "rows": rows, "parts": {}, "left_out": []}
    with tempfile.TemporaryDirectory() as name:
        files = {"all": Path(name, "all.csv"), "few": Path(name, "few.csv")}
        write_texts(files["all"], rows)
        write_texts(files["few"], min(N_TUNED + N_TEST, rows), seed=1)
        for part, (size, _, _) in PARTS.items():
            if time.perf_counter() - start > time_s:
                found["left_out"].append(part)
                continue
            command = [sys.executable, __file__, "--device", device, "--part", part]
            used = run_process([*command, "--data", str(files[size])])
            found["parts"][part] = json.loads(used.stdout.splitlines()[-1])
    return found | {"seconds": time.perf_counter() - start}


def tables(result: Facts) -> list[Table]:
    """Return a line for each part."""
    lines = [(name, _in_words(facts)) for name, facts in result["parts"].items()]
    lines += [(name, "left out: no time was left") for name in result["left_out"]]
    return [
        Table(
            f"On {result['device']}, {result['rows']:,} made texts of 5 to 30 words",
            ("", "measured"),
            tuple(lines),
            f"{result['seconds']:.0f} s in all.",
        )
    ]


def _in_words(facts: Facts) -> str:
    if "texts_per_s" in facts:
        first, *later = (f"{value:,.0f}" for value in facts["texts_per_s"])
        return f"{first} texts/s" + (
            f" in the first pass, then {', '.join(later)}" if later else ""
        )
    if "accuracy" in facts:
        seconds = ", ".join(number(value, 1) for value in facts["seconds"])
        accuracy = ", ".join(number(value, 3) for value in facts["accuracy"])
        return f"{facts['rows']:,} rows, by seed: {seconds} s; accuracy {accuracy}"
    stages = ", ".join(f"{name} {value:.1f}" for name, value in facts["stages"].items())
    return f"{facts['wall_s']:.1f} s ({stages})"


def main() -> int:
    """Measure, or be one of the processes that do."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rows", type=int, default=N_ROWS)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print(f"skipped: torch {torch.__version__} finds no GPU here")
        return 0
    if options.part:
        _, measure, arguments = PARTS[options.part]
        print(json.dumps(measure(options.data, options.device, *arguments)))
        return 0
    result = run(options.device, options.rows)
    print("\n\n".join(str(table) for table in tables(result)))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
