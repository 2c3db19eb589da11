"""Tables of databases, by SQLAlchemy URL: read only, and written as new tables only."""

from __future__ import annotations

import io
import json
import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError, UsageError
from noisefix.tables.extras import missing_package
from noisefix.tables.places import INSIDE
from noisefix.tables.sql_url import database_file, is_query, parted, shown_sql

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 10_000
_CONNECT_S = 10
_SHOWN = 20


def read_sql(given: str | Path) -> bytes:
    """Read a table, or what a query gives, as a Parquet file in memory.

    The connection may read only, as far as the database knows such a thing; nothing is committed.

    Args:
        given: URL::TABLE, URL::SCHEMA.TABLE or URL::SELECT ...

    Raises:
        DataError: the database cannot be read, there is no such table, or it has no rows.
        UsageError: SQLAlchemy or the database's driver is missing, or no table is named.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    url, inside = parted(given)
    shown = shown_sql(given)
    with _connected(url, shown, writes=False) as connection:
        names, rows = _rows(connection, inside, shown)
    if not rows:
        raise DataError(f"{shown}: there are columns but no rows", "name a table with some rows")
    columns = zip(*rows, strict=True)
    table = pa.table([_column(list(column)) for column in columns], names)
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()


def write_sql(given: str | Path, table: pa.Table) -> None:
    """Write a table that is not there yet: all of it, or nothing.

    Args:
        given: URL::TABLE or URL::SCHEMA.TABLE.
        table: what to write.

    Raises:
        DataError: there is such a table, or it cannot be written.
        UsageError: SQLAlchemy or the database's driver is missing, or no table is named.
    """
    check_new_table(given)
    url, inside = parted(given)
    shown = shown_sql(given)
    with _connected(url, shown, writes=True) as connection:
        import sqlalchemy as sa

        schema, name = _schema_and_name(connection, inside)
        columns = [
            sa.Column(field.name, _sql_type(field.type), autoincrement=False)
            for field in table.schema
        ]
        target = sa.Table(name, sa.MetaData(), *columns, schema=schema)
        target.create(connection, checkfirst=False)
        keys = [f"c{k}" for k in range(len(columns))]
        insert = target.insert().values(
            {column.name: sa.bindparam(key) for column, key in zip(columns, keys, strict=True)}
        )
        for batch in table.to_batches(max_chunksize=_BLOCK):
            values = [column.to_pylist() for column in batch.columns]
            rows = [dict(zip(keys, row, strict=True)) for row in zip(*values, strict=True)]
            if rows:
                connection.execute(insert, rows)
        connection.commit()


def check_new_table(given: str | Path) -> None:
    """Check that a table can be made: it has a name, and is not there yet.

    Raises:
        DataError: there is one, or the database cannot be reached.
        UsageError: SQLAlchemy or the database's driver is missing, or no table is named.
    """
    url, inside = parted(given)
    shown = shown_sql(given)
    if not inside or is_query(inside):
        raise UsageError(f"{shown}: no table to write to", f"name a new one: URL{INSIDE}TABLE")
    file = database_file(given)
    if file is not None and not file.exists():
        if not file.absolute().parent.is_dir():
            raise DataError(
                f"{file}: its folder does not exist", f"make it: mkdir -p {file.parent}"
            )
        return
    with _connected(url, shown, writes=False) as connection:
        schema, name = _schema_and_name(connection, inside)
        if name in _tables(connection, schema):
            raise DataError(
                f"{shown}: there is such a table, which is never written over",
                "name a new one, or drop that one yourself",
            )


@contextmanager
def _connected(url: str, shown: str, *, writes: bool) -> Iterator[Any]:
    """Yield a connection that commits nothing by itself, and word what goes wrong with it."""
    try:
        import sqlalchemy as sa
    except ImportError as error:
        raise missing_package(
            "SQLAlchemy", "Tables of databases need", instead="export the table as CSV"
        ) from error
    try:
        engine = _engine(sa, url, shown, writes=writes)
        with warnings.catch_warnings(), engine.connect() as connection:
            warnings.simplefilter("ignore")  # of types that SQLAlchemy does not know
            if writes and engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")  # else a new table is there at once
            if not writes and engine.dialect.name in ("mysql", "mariadb"):
                connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
            yield connection
        return
    except ImportError as error:  # the driver; SQLAlchemy loads it here
        raise missing_package(
            str(error.name), f"{url.partition(':')[0]} needs", extra="", instead="export as CSV"
        ) from error
    except sa.exc.NoSuchModuleError:
        problem = "SQLAlchemy knows no such database"
    except sa.exc.ArgumentError:
        problem = "is no URL of a database"
    except (sa.exc.SQLAlchemyError, ValueError, OverflowError) as error:
        problem = _reason(error)
    # Not as the cause: what the driver says may quote the whole URL.
    verb = "written" if writes else "read"
    raise DataError(
        f"{shown}: cannot be {verb}: {problem}",
        "check the URL (postgresql+psycopg://HOST/DATABASE::TABLE, sqlite:///FILE::TABLE), "
        "the password and the permissions",
    ) from None


def _engine(sa: Any, url: str, shown: str, *, writes: bool) -> Any:
    parsed = sa.engine.make_url(url)
    options: dict[str, Any] = {"poolclass": sa.pool.NullPool}
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        path = Path(parsed.database or "")
        if not writes and not path.is_file():
            raise DataError(
                f"{path}: no such file", f"name a database so: sqlite:///FILE{INSIDE}TABLE"
            )
        if not writes:
            # Opened so that nothing can be written, not even an empty database.
            query = {**parsed.query, "mode": "ro", "uri": "true"}
            parsed = parsed.set(database=path.absolute().as_uri(), query=query)
    elif backend in ("postgresql", "mysql", "mariadb"):
        options["connect_args"] = {"connect_timeout": _CONNECT_S}
    engine = sa.create_engine(parsed, hide_parameters=True, **options)
    if backend == "postgresql" and not writes:
        engine = engine.execution_options(postgresql_readonly=True)
    return engine


def _rows(connection: Any, inside: str, shown: str) -> tuple[list[str], list[Sequence[Any]]]:
    import sqlalchemy as sa

    chosen: Any
    if is_query(inside):
        chosen = sa.text(inside.replace(":", r"\:"))
    else:
        schema, name = _schema_and_name(connection, inside)
        if name not in _tables(connection, schema):
            known = sorted(_tables(connection, schema))
            listed = ", ".join(known[:_SHOWN]) + (", ..." if len(known) > _SHOWN else "")
            raise DataError(
                f"{shown}: there is no such table" if inside else f"{shown}: names no table",
                f"the tables are: {listed}" if known else "there are no tables in it",
            )
        table = sa.Table(name, sa.MetaData(), schema=schema, autoload_with=connection)
        chosen = sa.select(*table.columns).order_by(*table.primary_key.columns)
    streamed = connection.execution_options(stream_results=True, yield_per=_BLOCK)
    result = streamed.execute(chosen)
    names = list(result.keys())
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise DataError(f"{shown}: column {doubled!r} appears twice", "name it with AS")
    return names, [tuple(row) for block in result.partitions() for row in block]


def _schema_and_name(connection: Any, inside: str) -> tuple[str | None, str]:
    """Part SCHEMA.TABLE; a table may have a point in its name, too."""
    schema, dot, name = inside.rpartition(".")
    if not dot or inside in _tables(connection, None):
        return None, inside
    return schema, name


def _tables(connection: Any, schema: str | None) -> list[str]:
    import sqlalchemy as sa

    inspector = sa.inspect(connection)
    found = list(inspector.get_table_names(schema))
    with suppress(NotImplementedError):
        found += inspector.get_view_names(schema)
    return found


def _column(values: list[Any]) -> pa.Array:
    """Return values in the type that holds them all as they are, else as text."""
    import pyarrow as pa

    plain = [_plain(value) for value in values]
    try:
        array = pa.array(plain)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        plain = [None if v is None else v if isinstance(v, str) else str(v) for v in plain]
        return pa.array(plain, pa.large_string())
    return array.cast(pa.large_string()) if pa.types.is_string(array.type) else array


def _plain(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, uuid.UUID):
        return str(value)
    return bytes(value) if isinstance(value, memoryview) else value


def _sql_type(kind: pa.DataType) -> Any:
    import sqlalchemy as sa
    from pyarrow import types

    if types.is_dictionary(kind):
        return _sql_type(kind.value_type)
    if types.is_decimal(kind):
        return sa.Numeric(kind.precision, kind.scale)
    found = (
        (types.is_boolean, sa.Boolean),
        (types.is_integer, sa.BigInteger),
        (types.is_floating, sa.Double),
        (types.is_date, sa.Date),
        (types.is_timestamp, sa.DateTime),
        (types.is_binary, sa.LargeBinary),
    )
    if types.is_timestamp(kind) and kind.tz is not None:
        return sa.DateTime(timezone=True)
    return next((to for is_kind, to in found if is_kind(kind)), sa.Text)()


def _reason(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return (str(original).splitlines() or [type(error).__name__])[0][:300]
