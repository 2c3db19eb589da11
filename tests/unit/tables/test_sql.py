"""Tables of databases: SQLite, and a PostgreSQL of the test's own where that is installed."""

from __future__ import annotations

import datetime
import io
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix.errors import DataError, UsageError
from noisefix.tables.source import read_source
from noisefix.tables.sql import read_sql, write_sql
from noisefix.tables.sql_url import is_sql, shown_sql, table_name
from noisefix.tables.stream import open_stream

TEXTS = [
    'a, "b"\n;',
    "=cmd|'x'!A1",
    "\N{PARTY POPPER} \u202eabc",
    "007",
    "x" * 70_000,
    "' OR 1=1 --",
]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "my data.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            'create table "odd name" (id integer primary key, text text, label text, day date)'
        )
        connection.executemany(
            'insert into "odd name" values (?, ?, ?, ?)',
            [(k, text, "xy"[k % 2], "2024-01-31") for k, text in enumerate(TEXTS)][::-1],
        )
        connection.execute("create table empty (text text)")
        connection.execute('create view seen as select text, label from "odd name"')
    connection.close()
    return path


def table_of(content: bytes) -> pa.Table:
    return pq.read_table(pa.BufferReader(content))


def test_a_table_is_read_in_the_order_of_its_key(database: Path) -> None:
    source = read_source(f"sqlite:///{database}::odd name")
    assert source.table["text"].to_pylist() == TEXTS
    assert source.table["day"].to_pylist() == [datetime.date(2024, 1, 31)] * len(TEXTS)
    assert (source.name, source.path, source.format) == ("my data.db.odd name", None, "parquet")
    assert source.address == f"sqlite:///{database}::odd name"
    assert source.warnings == ()
    with open_stream(f"sqlite:///{database}::odd name") as stream:
        assert stream.n_rows == len(TEXTS)
    assert read_source(f"sqlite:///{database}::seen").columns == ("text", "label")


def test_a_query_is_read(database: Path) -> None:
    query = "SELECT text AS t, '1:30' AS time FROM \"odd name\" WHERE label = 'y' ORDER BY id"
    source = read_source(f"sqlite:///{database}::{query}")
    assert source.table.to_pylist()[0] == {"t": TEXTS[1], "time": "1:30"}
    assert "SELECT" not in f"{source.name} {source.address}"


def test_nothing_can_be_written_by_reading(database: Path) -> None:
    before = database.read_bytes()
    for query in ('WITH a AS (SELECT 1) DELETE FROM "odd name"', "SELECT * FROM none"):
        with pytest.raises(DataError, match="cannot be read"):
            read_sql(f"sqlite:///{database}::{query}")
    with pytest.raises(DataError, match="there is no such table"):
        read_sql(f'sqlite:///{database}::DROP TABLE "odd name"')
    with pytest.raises(DataError, match=r"none\.db: no such file"):
        read_sql(f"sqlite:///{database.parent}/none.db::t")
    assert database.read_bytes() == before
    assert [path.name for path in database.parent.iterdir()] == [database.name]


@pytest.mark.parametrize(
    ("table", "message", "hint"),
    [
        ("none", "there is no such table", "the tables are: empty, odd name, seen"),
        ("empty", "there are columns but no rows", ""),
        ("", "names no table", "odd name"),
        ("SELECT 1 AS a, 2 AS a", "column 'a' appears twice", "AS"),
    ],
)
def test_tables_that_cannot_be_read(database: Path, table: str, message: str, hint: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_sql(f"sqlite:///{database}::{table}")
    assert hint in caught.value.hint
    assert caught.value.exit_code == 3


def test_files_that_are_no_databases(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"text,label\na,b\n" * 100)
    with pytest.raises(DataError, match=r"x\.db::t: cannot be read: file is not a database"):
        read_sql(f"sqlite:///{tmp_path}/x.db::t")
    with sqlite3.connect(tmp_path / "y.db") as connection:
        connection.execute("create table t (text text)")
        connection.execute("insert into t values (cast(x'ff41' as text))")
    connection.close()
    with pytest.raises(DataError, match=r"y\.db::t: cannot be read: Could not decode to UTF-8"):
        read_sql(f"sqlite:///{tmp_path}/y.db::t")


def test_values_of_several_kinds_become_text(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("create table t (v, w)")
        connection.executemany("insert into t values (?, ?)", [(1, 2**62), ("a", 1), (None, 2)])
    connection.close()
    table = table_of(read_sql(f"sqlite:///{tmp_path}/x.db::t"))
    assert table.to_pydict() == {"v": ["1", "a", None], "w": [2**62, 1, 2]}


def test_a_new_table_is_written_and_an_old_one_never(database: Path) -> None:
    columns = {
        "text": TEXTS,
        "label": pa.array(["x", "y"] * 3).dictionary_encode(),
        "n": [2**40, None, 1, 2, 3, 4],
        "share": [0.1, 2.0, None, 1e300, 0.0, -1.0],
        "is it": [True, None, False, True, True, True],
        "day": [datetime.date(2024, 1, k) for k in range(1, 7)],
        "raw": [b"\0", None, b"", b"a", b"b", b"c"],
        "%(x)s :y": ["a"] * 6,
    }
    table = pa.table(columns)
    write_sql(f"sqlite:///{database}::new", table)
    again = table_of(read_sql(f"sqlite:///{database}::new"))
    assert again.to_pylist() == table.to_pylist()
    before = database.read_bytes()
    for name in ("new", "odd name", "seen"):
        with pytest.raises(DataError, match="there is such a table, which is never written over"):
            write_sql(f"sqlite:///{database}::{name}", table)
    with pytest.raises(UsageError, match="no table to write to"):
        write_sql(f"sqlite:///{database}::SELECT 1", table)
    bad = pa.table({"when": pa.array([10**18], pa.timestamp("s"))})
    with pytest.raises(DataError, match="cannot be written"):
        write_sql(f"sqlite:///{database}::bad", bad)
    assert database.read_bytes() == before


def test_urls_are_told_shown_and_called() -> None:
    url = "postgresql+psycopg://me:p4ss@[::1]:5/db?sslpassword=zzz::public.t"
    assert is_sql(url)
    assert shown_sql(url) == "postgresql+psycopg://[::1]:5/db::public.t"
    assert table_name(url) == "db.public.t"
    assert shown_sql("sqlite:///x.db::SELECT a::text FROM t") == "sqlite:///x.db::a query"
    for path in ("sqlite.csv", "postgresql/x.csv", "mysql", "data/sqlite:///x"):
        assert not is_sql(path)


def test_passwords_are_never_said() -> None:
    url = "postgresql+psycopg://me:p4ssw0rd@127.0.0.1:1/db?application_name=zzz::t"
    with pytest.raises(
        DataError, match=r"postgresql\+psycopg://127\.0\.0\.1:1/db::t: cann"
    ) as found:
        read_sql(url)
    said = "".join(traceback.format_exception(found.value)) + str(found.value.hint)
    assert "p4ssw0rd" not in said
    assert "zzz" not in said


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymssql", None)
    with pytest.raises(UsageError, match=r"mssql\+pymssql needs the package pymssql") as caught:
        read_sql("mssql+pymssql://h/db::t")
    assert caught.value.hint.startswith("pip install pymssql")
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(UsageError, match="the package SQLAlchemy, which is not") as caught:
        read_sql("sqlite:///x.db::t")
    assert 'pip install "noisefix[files]"' in caught.value.hint
    monkeypatch.undo()
    with pytest.raises(DataError, match="SQLAlchemy knows no such database"):
        read_sql("postgresql+nonsense://h/x::t")


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, on a socket in a temporary folder."""
    if shutil.which("initdb") is None or shutil.which("pg_ctl") is None:
        pytest.skip("PostgreSQL is not installed")
    become: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("PostgreSQL does not run as root, and there is no setpriv")
        become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as name:
        folder = Path(name)
        if become:
            os.chown(folder, 65534, 65534)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {**os.environ, "HOME": name, "LC_ALL": "C"}

        def run(*command: str) -> None:
            done = subprocess.run(
                [*become, *command], env=environment, capture_output=True, text=True, cwd=name
            )
            if done.returncode:
                pytest.skip(f"PostgreSQL does not start here: {done.stderr[-300:]}")

        run("initdb", "-D", f"{name}/data", "-U", "me", "-A", "trust", "-E", "UTF8", "-N")
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {name} -c fsync=off"
        run("pg_ctl", "-D", f"{name}/data", "-o", options, "-l", f"{name}/log", "-w", "start")
        try:
            yield f"postgresql+psycopg://me:p4ss@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-D", f"{name}/data", "-m", "immediate", "-w", "stop")


def test_a_real_postgresql(postgres: str) -> None:
    import sqlalchemy as sa

    pytest.importorskip("psycopg")
    engine = sa.create_engine(postgres, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("create schema s")
        connection.exec_driver_sql(
            "create table s.rows (id int primary key, text text, label text, j jsonb, "
            "at timestamptz, price numeric(10, 2), u uuid)"
        )
        for k, text in enumerate(reversed(TEXTS)):
            connection.execute(
                sa.text(
                    "insert into s.rows values (:k, :t, :l, '{\"a\": [1]}', '2024-01-31T12:00Z', "
                    "1.50, '00000000-0000-0000-0000-00000000000a')"
                ),
                {"k": -k, "t": text, "l": "xy"[k % 2]},
            )
    source = read_source(f"{postgres}::s.rows")
    assert source.table["text"].to_pylist() == TEXTS
    assert "p4ss" not in f"{source.address} {source.name}"
    row = source.table.to_pylist()[0]
    assert (row["j"], str(row["price"])) == ('{"a": [1]}', "1.50")
    assert row["u"].endswith("000a")
    assert row["at"].isoformat().startswith("2024-01-31T12:00:00")
    cast = read_source(f"{postgres}::SELECT id::text AS i, text FROM s.rows ORDER BY id")
    assert cast.table["i"].to_pylist()[0] == str(1 - len(TEXTS))
    for query, reason in (
        ("WITH a AS (DELETE FROM s.rows RETURNING id) SELECT * FROM a", "data-modifying"),
        ("SELECT id FROM s.rows FOR UPDATE", "read-only transaction"),
    ):
        with pytest.raises(DataError, match=f"cannot be read: .*{reason}"):
            read_sql(f"{postgres}::{query}")
    with pytest.raises(DataError, match="there is no such table") as caught:
        read_sql(f"{postgres}::s.none")
    assert "the tables are: rows" in caught.value.hint
    write_sql(f"{postgres}::s.new", source.table)
    again = read_source(f"{postgres}::s.new").table
    assert again["text"].to_pylist() == TEXTS
    assert again["price"].to_pylist() == source.table["price"].to_pylist()
    with pytest.raises(DataError, match="there is such a table"):
        write_sql(f"{postgres}::s.new", source.table)
    with pytest.raises(DataError, match="cannot be read") as caught:
        read_sql(f"{postgres.replace('/postgres', '/none')}::t")
    assert "p4ss" not in f"{caught.value} {caught.value.hint}"
    assert io.BytesIO(read_sql(f"{postgres}::s.rows")).getvalue() == source.content
