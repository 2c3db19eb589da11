"""The README of a model folder: what a person should know before using the model."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from noisefix.training.registry import METHODS

_SHOWN_CLASSES = 60


def model_card(about: dict[str, Any]) -> str:
    """Return Markdown made of what ``model.json`` holds; names of the data are shown as code."""
    n_classes = len(about["class_names"])
    summary = METHODS[about["method"]].summary if about["method"] in METHODS else ""
    lines = [
        "---",
        "library_name: noisefix",
        "pipeline_tag: text-classification",
        "---",
        "",
        f"# Text classifier of {n_classes} classes, trained on labels that hold errors",
        "",
        f"{_share_of_rows(about['metrics'])}, with the method `{about['method']}`"
        f"{f' ({summary})' if summary else ''} of noisefix {about['noisefix_version']}.",
        "",
        "## Use it",
        "",
        "```python",
        "from noisefix import load_model",
        "",
        'model = load_model("path/to/this/folder")',
        'model.predict(["a text", "another one"])       # labels',
        'model.predict_probs(["a text"])                # (1, K), in the order of class_names',
        "```",
        "",
        "```sh",
        "noisefix predict path/to/this/folder data.csv -o predictions.parquet --proba",
        "```",
        "",
        _encoder_sentence(about["encoder"]),
        "The folder holds numbers (safetensors) and JSON; nothing in it is ever executed.",
        "",
        "## How good is it?",
        "",
        "Nobody knows yet: it was trained on labels that hold errors, and agreeing with those says",
        "little. A table with labels that a person has checked, of texts that are not among the",
        "training rows, tells; 200 rows place the accuracy within 7 points:",
        "",
        "```sh",
        "noisefix evaluate path/to/this/folder --data checked.csv --truth COLUMN",
        "```",
        "",
        "The confidence of a prediction is the model's own probability. The same command says how",
        "often it is right when it says 0.9.",
        "",
        f"## The {n_classes} classes",
        "",
        *_classes(about["class_names"]),
        "",
        "A text of no class gets one of these all the same.",
        "",
        "## How it was made",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in _facts(about)),
        "",
        "Same run folder, options and seed: the same bytes. All options are in `model.json`.",
        "",
    ]
    return "\n".join(lines)


def _share_of_rows(metrics: dict[str, float]) -> str:
    labelled, rows = int(metrics.get("labelled", 0)), int(metrics.get("rows", 0))
    if rows > labelled:
        return f"Trained on the {labelled:,} labelled rows of {rows:,}"
    return f"Trained on {labelled:,} rows"


def _encoder_sentence(encoder: dict[str, Any]) -> str:
    name = f"`{_code(encoder['name'])}`"
    if encoder["is_tuned"]:
        return f"The encoder, {name} trained along, lies in the folder: nothing else is needed."
    if encoder["name"] == "tfidf":
        return (
            "The encoder (TF-IDF of the training texts) lies in the folder: nothing else is needed."
        )
    return (
        f"It needs the encoder {name}, with the very files it was trained with\n"
        f"(SHA-256 `{encoder['sha256'][:16]}...`); with others it refuses to predict."
    )


def _classes(names: list[str]) -> list[str]:
    lines = [f"- `{_code(name)}`" for name in names[:_SHOWN_CLASSES]]
    if len(names) > _SHOWN_CLASSES:
        lines.append(f"- and {len(names) - _SHOWN_CLASSES} more, in `model.json`")
    return lines


def _facts(about: dict[str, Any]) -> list[tuple[str, str]]:
    encoder, metrics = about["encoder"], about["metrics"]
    kind = "fine-tuned" if encoder["is_tuned"] else "frozen"
    facts = [
        ("method", f"`{about['method']}`"),
        ("features", f"`{_code(encoder['name'])}`, {encoder['dimension']} numbers, {kind}"),
        ("seed", str(about["seed"])),
    ]
    shown = {"rows", "labelled"}
    facts += [
        (name.replace("_", " "), f"{value:g}")
        for name, value in sorted(metrics.items())
        if name not in shown
    ]
    changed = _changed_options(about["method"], about["parameters"])
    facts += [(f"option `{_code(name)}`", f"`{_code(str(value))}`") for name, value in changed]
    return facts


def _changed_options(method: str, parameters: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the options that are not at their defaults, those of a part as "part.option"."""
    usual: dict[str, Any] = {}
    if method in METHODS:
        usual = _flat(asdict(METHODS[method].load()[1]()))
    given = _flat(parameters)
    return [(k, v) for k, v in sorted(given.items()) if k not in usual or usual[k] != v]


def _flat(options: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in options.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": kept for inner, kept in _flat(value).items()}
        else:
            flat[name] = value
    return flat


def _code(text: str) -> str:
    """Keep names of the data from being Markdown, or from ending a table's cell."""
    return "".join(c if c.isprintable() and c not in "`|" else " " for c in text)
