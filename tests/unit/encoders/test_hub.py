import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from noisefix.encoders import hub
from noisefix.errors import ModelError

REPO_FILES = {
    ".gitattributes": 1,
    "1_Pooling/config.json": 190,
    "2_Dense/pytorch_model.bin": 9,
    "README.md": 10_000,
    "config.json": 612,
    "model.safetensors": 900,
    "modules.json": 349,
    "onnx/model.onnx": 900,
    "onnx/config.json": 5,
    "openvino/openvino_model.bin": 900,
    "pytorch_model.bin": 900,
    "rust_model.ot": 900,
    "tf_model.h5": 900,
    "tokenizer.json": 466,
    "training_args.bin": 3,
    "vocab.txt": 231,
}
NEEDED = [
    "1_Pooling/config.json",
    "2_Dense/pytorch_model.bin",
    "config.json",
    "model.safetensors",
    "modules.json",
    "tokenizer.json",
    "vocab.txt",
]


def test_only_what_loading_takes_is_fetched():
    assert list(hub.needed_files(REPO_FILES)) == NEEDED


def test_old_weights_are_fetched_where_there_are_no_others():
    files = {"config.json": 1, "pytorch_model.bin": 2}
    assert hub.needed_files(files) == files


class FakeHub:
    """A hub with one repository, in place of the client library's class."""

    def __init__(self, root: Path, repo: str):
        self.root, self.repo, self.asked = root, repo, []

    def __call__(self):
        return self

    def model_info(self, repo, *, timeout, files_metadata):
        from huggingface_hub.errors import RepositoryNotFoundError

        self.asked.append(repo)
        if repo != self.repo:
            response = SimpleNamespace(
                headers={}, request=None, status_code=404, history=[], url="", text=""
            )
            raise RepositoryNotFoundError("404", response=response)
        siblings = [SimpleNamespace(rfilename=n, size=s) for n, s in REPO_FILES.items()]
        return SimpleNamespace(sha="abc", siblings=siblings)

    def hf_hub_download(self, repo, file, *, etag_timeout):
        path = self.root / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(file)
        return str(path)


@pytest.fixture
def online(monkeypatch):
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


@pytest.mark.usefixtures("online")
def test_a_repository_is_fetched_into_one_folder(monkeypatch, tmp_path):
    fake = FakeHub(tmp_path, "sentence-transformers/tiny")
    monkeypatch.setattr("huggingface_hub.HfApi", fake)
    steps = []
    assert hub.download_snapshot("tiny", steps.append) == tmp_path
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.*")) == NEEDED
    total = sum(REPO_FILES[name] for name in NEEDED)
    assert (steps[-1].done, steps[-1].total, len(steps)) == (total, total, len(NEEDED))


@pytest.mark.usefixtures("online")
def test_a_name_without_organisation_is_tried_as_it_is_too(monkeypatch, tmp_path):
    fake = FakeHub(tmp_path, "bert-tiny")
    monkeypatch.setattr("huggingface_hub.HfApi", fake)
    hub.download_snapshot("bert-tiny")
    assert fake.asked == ["sentence-transformers/bert-tiny", "bert-tiny"]


@pytest.mark.usefixtures("online")
def test_an_unknown_repository_is_said_to_be_unknown(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.HfApi", FakeHub(tmp_path, "a/b"))
    with pytest.raises(ModelError, match="the hub has no x/y"):
        hub.download_snapshot("x/y")


def test_a_hub_that_is_not_there_fails_at_once_and_quietly(tmp_path):
    program = (
        "from noisefix.encoders.hub import download_snapshot\n"
        "from noisefix.errors import ModelError\n"
        "try: download_snapshot('someone/model')\n"
        "except ModelError as error: raise SystemExit('said: ' + error.message)\n"
    )
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert time.monotonic() - started < 20
    assert done.stderr.splitlines()[0].startswith("said: encoder someone/model: not on this")
    assert len(done.stderr.splitlines()) == 1
