import json
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

from noisefix.detection import embed_stage as embed_module
from noisefix.detection import shards
from noisefix.detection.embed_stage import EmbedParams, embed_dataset
from noisefix.encoders.find import offline_extra
from noisefix.errors import DataError, ModelError
from noisefix.run.parquet import read_table
from noisefix.run.schemas import EMBEDDINGS
from noisefix.tables.dataset import load_dataset
from noisefix.tables.source import read_source

CSV = (
    "ticket,text,label\n"
    "a1,the parcel is late,delivery\n"
    "a2,refund my money,billing\n"
    "a3,the parcel is late,delivery\n"
    "a4,,billing\n"
    f"a5,{'very ' * 300}long,\n"
)


@pytest.fixture(scope="module")
def encoder_name():
    folder = offline_extra()
    assert folder is not None
    return str(folder)


@pytest.fixture
def dataset(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(CSV)
    return read(path)


def read(path, **columns):
    chosen = {"text_column": "text", "label_column": "label", "id_column": "ticket"} | columns
    return load_dataset(read_source(path), needs_labels=False, **chosen)


@pytest.fixture
def small_grains(monkeypatch):
    """Texts are encoded two at a time, so that a handful of them make shards."""
    monkeypatch.setattr(shards, "GRAIN", 2)


@pytest.fixture
def params(encoder_name):
    return EmbedParams(encoder=encoder_name, precision="fp32", device="cpu")


def vectors_of(path):
    table, provenance = read_table(path, EMBEDDINGS)
    flat = table["embedding"].combine_chunks().flatten().to_numpy()
    return table, flat.reshape(table.num_rows, -1), provenance


def test_every_row_gets_its_vector(dataset, params, tmp_path):
    report = embed_dataset(dataset, tmp_path / "e.parquet", params)
    table, vectors, provenance = vectors_of(tmp_path / "e.parquet")
    assert not report.skipped
    assert table["id"].to_pylist() == ["a1", "a2", "a3", "a4", "a5"]
    assert table["row_number"].to_pylist() == [1, 2, 3, 4, 5]
    assert table["text"].to_pylist() == dataset.texts
    assert table["given_label"].to_pylist() == ["delivery", "billing"] * 1 + [
        "delivery",
        "billing",
        None,
    ]
    assert vectors.shape == (5, 384)
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-6
    assert vectors[0].tolist() == vectors[2].tolist() != vectors[1].tolist()
    assert provenance.class_names == ("billing", "delivery")
    assert report.results == provenance.results


def test_the_results_say_what_was_used(dataset, params, tmp_path, encoder_name):
    results = embed_dataset(dataset, tmp_path / "e.parquet", params).results
    assert results == {
        "encoder": encoder_name,
        "encoder_found_in": "folder",
        "dimension": 384,
        "precision": "fp32",
        "device": "cpu",
        "max_tokens": 256,
        "n_rows": 5,
        "n_distinct": 4,
        "n_truncated": 1,
        "class_names": ["billing", "delivery"],
        "input_name": "data.csv",
        "input_format": "csv",
        "columns": {"text": "text", "label": "label", "id": "ticket"},
    }


def test_provenance_names_the_data_and_the_encoder(dataset, params, tmp_path):
    report = embed_dataset(dataset, tmp_path / "e.parquet", params)
    assert set(report.inputs) == {"data", "encoder", "rows"}
    assert report.inputs["data"] == dataset.source.sha256
    assert report.parameters["precision"] == "fp32"


def test_nothing_changed_is_not_run_again(dataset, params, tmp_path):
    output = tmp_path / "e.parquet"
    embed_dataset(dataset, output, params)
    before = output.read_bytes()
    again = embed_dataset(dataset, output, params, seed=5)
    assert again.skipped, "no transformer is random: the seed does not matter"
    assert again.results["n_truncated"] == 1
    assert embed_dataset(dataset, output, params, force=True).skipped is False
    assert output.read_bytes() == before, "same input, same bytes"


def test_another_column_embeds_anew(tmp_path, params):
    path = tmp_path / "data.csv"
    path.write_text("text,title,label\na b,c d,x\ne f,g h,y\n")
    output = tmp_path / "e.parquet"
    first = embed_dataset(read(path, id_column=None), output, params)
    second = embed_dataset(read(path, id_column=None, text_column="title"), output, params)
    assert (first.skipped, second.skipped) == (False, False)
    assert read_table(output, EMBEDDINGS)[0]["text"].to_pylist() == ["c d", "g h"]


def test_a_skipped_run_imports_nothing_heavy(tmp_path, params):
    path = tmp_path / "data.csv"
    path.write_text(CSV)
    output = tmp_path / "e.parquet"
    embed_dataset(read(path), output, params)
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from noisefix.detection.embed_stage import EmbedParams, embed_dataset\n"
        "from noisefix.tables.dataset import load_dataset\n"
        "from noisefix.tables.source import read_source\n"
        f"data = load_dataset(read_source({str(path)!r}), text_column='text', "
        "label_column='label', id_column='ticket', needs_labels=False)\n"
        f"params = EmbedParams(encoder={params.encoder!r}, precision='fp32', device='cpu')\n"
        f"assert embed_dataset(data, Path({str(output)!r}), params).skipped\n"
        "found = {'torch', 'transformers', 'sklearn', 'sentence_transformers'} & set(sys.modules)\n"
        "sys.exit(' '.join(found) or None)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_shards_do_not_change_a_byte_of_the_vectors_and_are_tidied_up(
    dataset, params, tmp_path, small_grains
):
    whole, cut = tmp_path / "whole.parquet", tmp_path / "cut.parquet"
    embed_dataset(dataset, whole, params)
    steps = []
    embed_dataset(dataset, cut, params, shard_size=2, progress=steps.append)
    assert cut.read_bytes() == whole.read_bytes()
    assert not (tmp_path / "cut.parts").exists()
    assert (steps[-1].stage, steps[-1].done, steps[-1].total) == ("embed", 4, 4)


def test_a_killed_embed_goes_on_where_it_stopped(tmp_path, encoder_name, small_grains):
    path = tmp_path / "data.csv"
    path.write_text("text\n" + "".join(f"some words about number {n}\n" for n in range(160)))
    output = tmp_path / "e.parquet"
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from noisefix.detection import shards\n"
        "from noisefix.detection.embed_stage import EmbedParams, embed_dataset\n"
        "from noisefix.tables.dataset import load_dataset\n"
        "from noisefix.tables.source import read_source\n"
        f"data = load_dataset(read_source({str(path)!r}), text_column='text', needs_labels=False)\n"
        "shards.GRAIN = 2\n"
        f"params = EmbedParams({encoder_name!r}, 'fp32', 'cpu')\n"
        f"embed_dataset(data, Path({str(output)!r}), params, shard_size=8)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program])
    parts = tmp_path / "e.parts"
    deadline = time.monotonic() + 120
    while len(list(parts.glob("shard-*.f32"))) < 2 and time.monotonic() < deadline:
        assert child.poll() is None
        time.sleep(0.01)
    child.kill()
    child.wait()
    assert not output.exists()
    kept = len(list(parts.glob("shard-*.f32")))
    assert 2 <= kept < 20

    dataset = load_dataset(read_source(path), text_column="text", needs_labels=False)
    params = EmbedParams(encoder_name, "fp32", "cpu")
    steps = []
    embed_dataset(dataset, output, params, shard_size=8, progress=steps.append)
    assert kept * 8 < steps[0].done <= (kept + 1) * 8
    assert not parts.exists()
    resumed = output.read_bytes()
    embed_dataset(dataset, output, params, force=True, shard_size=24)
    assert output.read_bytes() == resumed, "a resumed run gives the same bytes"


def test_force_starts_from_the_beginning(dataset, tmp_path, params, small_grains):
    output = tmp_path / "e.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embed_module, "discard_shards", lambda folder: None)
        embed_dataset(dataset, output, params, shard_size=2)
    assert (tmp_path / "e.parts").exists()
    steps = []
    embed_dataset(dataset, output, params, force=True, shard_size=2, progress=steps.append)
    assert steps[0].done <= 2
    assert not (tmp_path / "e.parts").exists()


def test_tfidf_follows_the_seed(dataset, tmp_path):
    output = tmp_path / "e.parquet"
    report = embed_dataset(dataset, output, EmbedParams("tfidf"), seed=1)
    assert report.results["encoder_found_in"] == "built in"
    assert vectors_of(output)[1].shape == (5, report.results["dimension"])
    assert embed_dataset(dataset, output, EmbedParams("tfidf"), seed=1).skipped
    assert not embed_dataset(dataset, output, EmbedParams("tfidf"), seed=2).skipped


def test_the_fingerprint_follows_the_encoder_s_files(dataset, tmp_path, encoder_name):
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(encoder_name, folder)
    params = EmbedParams(str(folder), "fp32", "cpu")
    output = tmp_path / "e.parquet"
    embed_dataset(dataset, output, params)
    config = folder / "sentence_bert_config.json"
    config.write_text(json.dumps({"max_seq_length": 32, "do_lower_case": False}))
    report = embed_dataset(dataset, output, params)
    assert not report.skipped
    assert report.results["max_tokens"] == 32


def test_errors_leave_nothing_behind(dataset, tmp_path, params):
    with pytest.raises(ModelError, match="no such folder"):
        embed_dataset(dataset, tmp_path / "e.parquet", EmbedParams("./nowhere"))
    with pytest.raises(DataError, match="does not exist"):
        embed_dataset(dataset, tmp_path / "no" / "e.parquet", params)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.csv"]


def test_the_file_is_a_checked_parquet_table(dataset, params, tmp_path):
    embed_dataset(dataset, tmp_path / "e.parquet", params)
    field = pq.read_schema(tmp_path / "e.parquet").field("embedding")
    assert str(field.type).startswith("fixed_size_list<")
    assert field.type.list_size == 384
