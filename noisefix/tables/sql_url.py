"""URLs of tables of databases: told from paths, and shown without what may be secret."""

from __future__ import annotations

import re
from pathlib import Path

from noisefix.tables.places import INSIDE

_DIALECTS = (
    *("sqlite", "postgresql", "mysql", "mariadb", "mssql", "oracle"),
    *("duckdb", "snowflake", "redshift", "cockroachdb", "trino", "clickhouse", "bigquery"),
)
_URL = re.compile(rf"(?P<dialect>{'|'.join(_DIALECTS)})(\+\w+)?:/")
_QUERY = re.compile(r"\s*(select|with)\s", re.IGNORECASE)


def is_sql(given: str | Path) -> bool:
    """Tell the URL of a database from a path."""
    return _URL.match(str(given)) is not None


def shown_sql(given: str | Path) -> str:
    """Return a URL as it may be shown: without user, password and options, with the table."""
    url, inside = parted(given)
    place = re.split(r"[?#]", url, maxsplit=1)[0]
    scheme, _, rest = place.partition("://")
    host, slash, database = rest.partition("/")
    table = "a query" if is_query(inside) else inside
    where = f"{scheme}://{host.rpartition('@')[2]}{slash}{database}"
    return f"{where}{INSIDE}{table}" if table else where


def table_name(given: str | Path) -> str:
    """Return what the table is called: the database and the table."""
    url, inside = parted(given)
    database = re.split(r"[?#]", url, maxsplit=1)[0].rstrip("/").rpartition("/")[2]
    return f"{database}.{'query' if is_query(inside) else inside}"


def database_file(given: str | Path) -> Path | None:
    """Return the file of an SQLite database; None for other databases."""
    url, _ = parted(given)
    path = re.split(r"[?#]", url, maxsplit=1)[0].partition("://")[2]
    return Path(path[1:]) if url.startswith("sqlite") else None


def parted(given: str | Path) -> tuple[str, str]:
    """Part URL::TABLE into both; TABLE may be a query, and is empty where none is named."""
    text = str(given)
    host = re.match(r"[A-Za-z0-9+]+:/*(?:[^/]*(?=/))?", text)
    at = text.find(INSIDE, host.end() if host else 0)
    url, inside = (text, "") if at < 0 else (text[:at], text[at + len(INSIDE) :])
    return url, inside.strip()


def is_query(inside: str) -> bool:
    """Tell a query from the name of a table."""
    return _QUERY.match(inside) is not None
