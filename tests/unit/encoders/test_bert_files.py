import json

import pytest

from noisefix.encoders.bert_files import read_bert_files


def test_minilm_is_plain_bert(minilm_folder):
    files = read_bert_files(minilm_folder)
    assert files is not None
    assert (files.n_layers, files.n_heads, files.norm_eps) == (6, 12, 1e-12)
    assert (files.max_tokens, files.pooling) == (256, "mean")


def test_without_a_limit_of_its_own_the_tokenizer_s_and_the_positions_count(minilm_copy, edit_json):
    (minilm_copy / "sentence_bert_config.json").unlink()
    assert read_bert_files(minilm_copy).max_tokens == 512
    edit_json(minilm_copy / "tokenizer_config.json", model_max_length=128)
    assert read_bert_files(minilm_copy).max_tokens == 128
    edit_json(minilm_copy / "tokenizer_config.json", model_max_length=10**30)
    assert read_bert_files(minilm_copy).max_tokens == 512


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("config.json", {"model_type": "roberta"}),
        ("config.json", {"hidden_act": "relu"}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("config.json", {"is_decoder": True}),
        ("config.json", {"quantization_config": {"load_in_4bit": True}}),
        ("sentence_bert_config.json", {"query_length": 12}),
        ("config_sentence_transformers.json", {"default_prompt_name": "query"}),
        ("config_sentence_transformers.json", {"truncate_dim": 64}),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}),
        ("1_Pooling/config.json", {"pooling_mode": "lasttoken"}),
        ("1_Pooling/config.json", {"pooling_mode": ["mean", "cls"]}),
        ("tokenizer_config.json", {"do_lower_case": False}),
        ("tokenizer_config.json", {"tokenizer_class": "XLMRobertaTokenizer"}),
        ("tokenizer.json", {"pre_tokenizer": {"type": "Whitespace"}}),
    ],
)
def test_anything_that_is_not_plain_is_left_to_others(file, changes, minilm_copy, edit_json):
    assert read_bert_files(minilm_copy) is not None
    edit_json(minilm_copy / file, **changes)
    assert read_bert_files(minilm_copy) is None


def test_lowercasing_may_be_asked_for_where_the_tokenizer_does_it(minilm_copy, edit_json):
    edit_json(minilm_copy / "sentence_bert_config.json", do_lower_case=True)
    assert read_bert_files(minilm_copy) is not None
    tokenizer = json.loads((minilm_copy / "tokenizer.json").read_text())
    edit_json(
        minilm_copy / "tokenizer.json", normalizer=tokenizer["normalizer"] | {"lowercase": False}
    )
    edit_json(minilm_copy / "tokenizer_config.json", do_lower_case=False)
    assert read_bert_files(minilm_copy) is None
    edit_json(minilm_copy / "sentence_bert_config.json", do_lower_case=False)
    assert read_bert_files(minilm_copy) is not None


@pytest.mark.parametrize(
    "types",
    [
        ["sentence_transformers.models.Transformer"],
        ["sentence_transformers.models.Transformer", "elsewhere.Pooling"],
        [
            "sentence_transformers.models.Transformer",
            "sentence_transformers.models.Pooling",
            "sentence_transformers.models.Dense",
        ],
    ],
)
def test_other_stacks_are_left_to_others(types, minilm_copy):
    modules = [
        {"idx": i, "name": str(i), "path": "" if i == 0 else "1_Pooling", "type": kind}
        for i, kind in enumerate(types)
    ]
    (minilm_copy / "modules.json").write_text(json.dumps(modules))
    assert read_bert_files(minilm_copy) is None


@pytest.mark.parametrize("file", ["modules.json", "config.json", "tokenizer.json"])
def test_missing_and_broken_files_are_left_to_others(file, minilm_copy):
    (minilm_copy / file).write_text("{")
    assert read_bert_files(minilm_copy) is None
    (minilm_copy / file).unlink()
    assert read_bert_files(minilm_copy) is None


def test_weights_under_old_names_are_left_to_others(minilm_copy):
    header = json.dumps({"embeddings.LayerNorm.gamma": {}}).encode()
    path = minilm_copy / "model.safetensors"
    path.unlink()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    assert read_bert_files(minilm_copy) is None
