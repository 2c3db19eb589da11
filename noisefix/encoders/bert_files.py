"""Which model folders are plain BERT sentence encoders, and what their files say.

Plain: a ``BertModel`` with its weights in one safetensors file, a WordPiece ``tokenizer.json``,
mean or first-token pooling, nothing after it but normalisation. all-MiniLM is such, as are most
small English encoders. Anything that is not quite so is left to sentence-transformers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noisefix.documents import parse_json

_PLAIN_SETTINGS: dict[str, tuple[Any, ...]] = {
    "model_type": ("bert",),
    "hidden_act": ("gelu",),
    "position_embedding_type": ("absolute",),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
    "quantization_config": (None,),
}
"""What config.json may say; all but the first may be absent."""

_PLAIN_MODULE: dict[str, tuple[Any, ...]] = {
    "transformer_task": ("feature-extraction",),
    "module_output_name": ("token_embeddings",),
    "modality_config": (
        {"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
    ),
}
"""What sentence_bert_config.json may say beside ``max_seq_length`` and ``do_lower_case``."""

_TENSORS = ("embeddings.LayerNorm.weight", "encoder.layer.0.output.dense.weight")
"""Tensors under the names of today; files of 2018 say "gamma" for some."""

_POOLING_KEYS = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


@dataclass(frozen=True)
class BertFiles:
    """A plain BERT sentence encoder on disk.

    Attributes:
        weights: the safetensors file.
        tokenizer: tokenizer.json.
        n_layers: transformer layers.
        n_heads: attention heads in each.
        norm_eps: added to the variance in layer norms.
        max_tokens: tokens read of a text, special ones included.
        pooling: "mean" or "cls" (the first token).
    """

    weights: Path
    tokenizer: Path
    n_layers: int
    n_heads: int
    norm_eps: float
    max_tokens: int
    pooling: str


def read_bert_files(folder: Path) -> BertFiles | None:
    """Return the files of a plain BERT sentence encoder; None if the folder is anything else."""
    try:
        return _read(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # sentence-transformers says what is wrong with it


def _read(folder: Path) -> BertFiles | None:
    config = _json(folder / "config.json")
    whole = _json(folder / "config_sentence_transformers.json", {})
    module = _json(folder / "sentence_bert_config.json", {})
    pooling = _pooling(folder)
    tokenizer_config = _json(folder / "tokenizer_config.json")
    lowercases = tokenizer_config.get("do_lower_case", True)
    weights, tokenizer = folder / "model.safetensors", folder / "tokenizer.json"
    is_plain = (
        "model_type" in config
        and _fits(config, _PLAIN_SETTINGS)
        and set(module) <= {"max_seq_length", "do_lower_case", *_PLAIN_MODULE}
        and _fits(module, _PLAIN_MODULE)
        and whole.get("default_prompt_name") is None
        and whole.get("truncate_dim") is None
        and pooling in ("mean", "cls")
        and _has_tensors(weights)
        and _is_plain_tokenizer(_json(tokenizer), tokenizer_config)
        and (lowercases or not module.get("do_lower_case"))
    )
    if not is_plain or pooling is None:
        return None
    limit = module.get("max_seq_length") or tokenizer_config["model_max_length"]
    return BertFiles(
        weights=weights,
        tokenizer=tokenizer,
        n_layers=config["num_hidden_layers"],
        n_heads=config["num_attention_heads"],
        norm_eps=config["layer_norm_eps"],
        max_tokens=int(min(limit, config["max_position_embeddings"])),
        pooling=pooling,
    )


def _json(path: Path, default: dict[str, Any] | None = None) -> dict[str, Any]:
    if default is not None and not path.exists():
        return default
    content: dict[str, Any] = parse_json(path.read_text(encoding="utf-8"))
    return content


def _fits(config: dict[str, Any], plain: dict[str, tuple[Any, ...]]) -> bool:
    return all(config[key] in allowed for key, allowed in plain.items() if key in config)


def _has_tensors(weights: Path) -> bool:
    """Look into the header of a safetensors file: its size in 8 bytes, then JSON by tensor name."""
    with weights.open("rb") as file:
        header = parse_json(file.read(int.from_bytes(file.read(8), "little")))
    return any(all(prefix + name in header for name in _TENSORS) for prefix in ("", "bert."))


def _pooling(folder: Path) -> str | None:
    """Return the pooling of a stack Transformer, Pooling and maybe Normalize; None for others."""
    modules = parse_json((folder / "modules.json").read_text(encoding="utf-8"))
    kinds = [module["type"] for module in modules]
    names = [kind.rpartition(".")[2] for kind in kinds]
    if names not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        return None
    if not all(kind.startswith("sentence_transformers.") for kind in kinds) or modules[0]["path"]:
        return None
    config = _json(folder / modules[1]["path"] / "config.json")
    if "pooling_mode" in config:
        return str(config["pooling_mode"])
    chosen = [mode for key, mode in _POOLING_KEYS.items() if config.get(key)]
    return chosen[0] if len(chosen) == 1 else None


def _is_plain_tokenizer(tokenizer: dict[str, Any], config: dict[str, Any]) -> bool:
    """Say whether tokenizer.json and tokenizer_config.json agree on a plain BERT tokenizer."""
    normalizer = tokenizer["normalizer"]
    return (
        config["tokenizer_class"] in ("BertTokenizer", "BertTokenizerFast")
        and tokenizer["model"]["type"] == "WordPiece"
        and tokenizer["pre_tokenizer"] == {"type": "BertPreTokenizer"}
        and normalizer["type"] == "BertNormalizer"
        and normalizer["clean_text"] is True
        and normalizer["lowercase"] == config.get("do_lower_case", True)
        and normalizer["strip_accents"] == config.get("strip_accents")
        and normalizer["handle_chinese_chars"] == config.get("tokenize_chinese_chars", True)
    )
