"""Addresses, with fsspec's own memory and a server on this machine."""

from __future__ import annotations

import gzip
import sys
import threading
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from noisefix.errors import DataError, UsageError
from noisefix.tables import remote
from noisefix.tables.remote import file_name, is_remote, shown_address, write_remote
from noisefix.tables.source import read_source
from noisefix.tables.stream import open_stream

CSV = b'id,text,label\n1,"=a, \xf0\x9f\x8e\x89",x\n2,b,y\n'
SECRET = "s3cr3t-signature"


class Handler(BaseHTTPRequestHandler):
    seen: list[tuple[str, dict[str, str]]] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.seen.append((self.path, dict(self.headers)))
        path = self.path.partition("?")[0]
        if path == "/slow.csv":
            threading.Event().wait(3)
            return
        body = {"/d.csv": CSV, "/d.csv.gz": gzip.compress(CSV), "/cut.csv": CSV}.get(path)
        status = 200 if body else {"/secret.csv": 403, "/moved.csv": 302}.get(path, 404)
        self.send_response(status)
        if path == "/moved.csv":
            self.send_header("Location", "/d.csv")
        length = len(body or b"") + (100 if path == "/cut.csv" else 0)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body or b"")
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    Handler.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()
        thread.join()


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()


@pytest.mark.parametrize("name", ["d.csv", "d.csv.gz", "moved.csv"])
def test_a_file_of_a_server_is_read(server: str, name: str) -> None:
    address = f"{server}/{name}?sig={SECRET}&x=a%2Fb#part"
    source = read_source(address)
    assert source.table["text"].to_pylist() == ["=a, \N{PARTY POPPER}", "b"]
    assert (source.name, source.path, source.address) == (name, None, f"{server}/{name}")
    assert SECRET not in repr(source)
    assert f"/{name}?sig={SECRET}&x=a%2Fb" in [path for path, _ in Handler.seen]
    with open_stream(address) as stream:
        assert stream.head.sha256 == source.sha256
        assert stream.n_rows == 2


def test_nothing_is_sent_but_the_request(server: str) -> None:
    Handler.seen.clear()
    read_source(f"{server}/d.csv")
    ((path, headers),) = Handler.seen
    assert path == "/d.csv"
    assert set(headers) <= {"Host", "Accept", "Accept-Encoding", "User-Agent"}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none.csv", "no such file"),
        ("secret.csv", "cannot be read: the server answers 403"),
        ("cut.csv", "cannot be read: "),
        ("slow.csv", "cannot be read: no answer in time"),
    ],
)
def test_what_goes_wrong_is_said_without_what_is_secret(
    server: str, path: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_STALL_S", 0.5)
    with pytest.raises(DataError, match=message) as caught:
        read_source(f"{server}/{path}?sig={SECRET}")
    said = "".join(traceback.format_exception(caught.value)) + str(caught.value.hint)
    assert SECRET not in said
    assert caught.value.message.startswith(f"{server}/{path}: ")
    assert caught.value.exit_code == 3


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(DataError, match=r"http://127\.0\.0\.1:1/d\.csv: cannot be read") as caught:
        read_source(f"http://me:{SECRET}@127.0.0.1:1/d.csv")
    assert SECRET not in f"{caught.value} {caught.value.hint}"


def test_memory_is_read_and_written(memory: fsspec.AbstractFileSystem) -> None:
    write_remote("memory://b/d.csv", CSV)
    assert memory.cat("/b/d.csv") == CSV
    for address in ("memory://b/d.csv", Path("memory://b/d.csv")):  # a Path has lost a slash
        assert read_source(address).table.num_rows == 2
    with pytest.raises(DataError, match=r"memory://b/none\.csv: no such file"):
        read_source("memory://b/none.csv")
    memory.pipe("/b/d.zip", b"PK\x03\x04")
    with pytest.raises(DataError, match=r"d\.zip: not a whole zip file"):
        read_source("memory://b/d.zip")


def test_too_much_is_not_read(
    memory: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.pipe("/big.csv", CSV * 1000)
    monkeypatch.setenv("NOISEFIX_MAX_UNPACKED", "2000")
    with pytest.raises(DataError, match=r"memory://big\.csv: more than"):
        read_source("memory://big.csv")


def test_some_places_are_only_read() -> None:
    for address in ("https://host/x.csv", "hf://datasets/a/b/x.csv"):
        with pytest.raises(DataError, match="is only read"):
            write_remote(address, CSV)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for address, package in (("s3://b/x.csv", "s3fs"), ("gs://b/x.csv", "gcsfs")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(UsageError, match=f"needs the package {package}") as caught:
            read_source(address)
        assert caught.value.hint.startswith(f"pip install {package}, or download")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(UsageError, match="needs the package fsspec") as caught:
        read_source("s3://b/x.csv")
    assert 'pip install "noisefix[files]"' in caught.value.hint


@pytest.mark.parametrize(
    ("address", "shown", "name"),
    [
        ("https://u:p@h:1/a/b%20c.csv?sig=x#y", "https://h:1/a/b%20c.csv", "b c.csv"),
        ("s3://bucket/key.parquet", "s3://bucket/key.parquet", "key.parquet"),
        ("abfss://box@account/x.csv", "abfss://box@account/x.csv", "x.csv"),
        ("https://host/a%2F..%2Fb.csv", "https://host/a%2F..%2Fb.csv", "b.csv"),
        ("https://host/", "https://host/", "host"),
        ("https://host/..%00%0a;x.csv", "https://host/..%00%0a;x.csv", "x.csv"),
    ],
)
def test_addresses_are_shown_and_called(address: str, shown: str, name: str) -> None:
    assert is_remote(address)
    assert shown_address(address) == shown
    assert file_name(address) == name


def test_paths_are_no_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "s3:" / "b"
    folder.mkdir(parents=True)
    (folder / "d.csv").write_bytes(CSV)
    assert not is_remote("s3:/b/d.csv")
    assert read_source("s3:/b/d.csv").path is not None
    assert not is_remote("C:/x.csv")
    assert not is_remote("file:///x.csv")
