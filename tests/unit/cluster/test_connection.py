import os
import socket

import pytest

from noisefix.cluster import connection
from noisefix.cluster.connection import connect
from noisefix.errors import DataError, UsageError
from noisefix.version import __version__

pytest.importorskip("ray")


@pytest.fixture(autouse=True)
def own_environment(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    for name in connection._QUIET:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("address", ["head", "head:", ":6379", "head:ray", "head:99999"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(UsageError, match="is no address"):
        connect(address)


def test_the_client_of_ray_is_refused():
    with pytest.raises(UsageError, match="no file can be shared"):
        connect("ray://head:10001")


@pytest.mark.parametrize("by_environment", [False, True])
def test_a_port_where_nobody_answers_is_named_at_once(by_environment, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    if by_environment:
        monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UsageError, match=f"no Ray cluster at {address}") as caught:
        connect(None if by_environment else address)
    assert "ray status" in caught.value.hint


def test_nothing_is_reported_to_the_makers_of_ray(monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    with pytest.raises(UsageError):
        connect("nobody")
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


FITS = {"host": "b", "noisefix": __version__, "sees_probe": True}


def facts(**others):
    python = connection.platform.python_version()
    return connection._Facts(**{**FITS, "python": python, **others})


def test_a_machine_with_another_noisefix_or_python_is_refused(tmp_path):
    connection._check(facts(), tmp_path)
    with pytest.raises(UsageError, match=r"b has noisefix 0\.0\.1"):
        connection._check(facts(noisefix="0.0.1"), tmp_path)
    with pytest.raises(UsageError, match=r"on Python 2\.7"):
        connection._check(facts(python="2.7"), tmp_path)


def test_a_machine_that_sees_other_files_is_refused(tmp_path):
    with pytest.raises(DataError, match="b does not see what is written there") as caught:
        connection._check(facts(sees_probe=False), tmp_path)
    assert "all machines of the cluster share" in caught.value.hint


def test_the_probe_is_looked_for_by_its_name(tmp_path):
    (tmp_path / "probe").write_text("")
    assert connection._facts(str(tmp_path / "probe")).sees_probe
    assert not connection._facts(str(tmp_path / "other")).sees_probe


def test_where_no_file_is_shared_only_versions_count():
    connection._check(connection._facts(None), None)
    with pytest.raises(UsageError, match=r"b has noisefix 0\.0\.1"):
        connection._check(facts(noisefix="0.0.1"), None)
