import importlib.util

import pytest

from noisefix.cluster import choose
from noisefix.cluster.choose import check_executor, chosen_executor
from noisefix.common_options import ExecutorOptions
from noisefix.errors import UsageError
from noisefix.executors import IN_TURN


def test_by_default_this_process_works_in_turn(tmp_path):
    with chosen_executor(ExecutorOptions(), tmp_path) as executor:
        assert executor is IN_TURN


def test_an_address_without_a_cluster_is_refused(tmp_path):
    options = ExecutorOptions(address="auto")
    with pytest.raises(UsageError, match="--address auto: is for --executor ray"):
        check_executor(options)
    with pytest.raises(UsageError), chosen_executor(options, tmp_path):
        pass


def test_without_ray_the_way_to_it_is_said(monkeypatch):
    monkeypatch.setattr(choose, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="needs the package ray") as caught:
        check_executor(ExecutorOptions(executor="ray"))
    assert 'pip install "noisefix[ray]"' in caught.value.hint


def test_a_cluster_that_no_task_asks_for_is_not_reached(tmp_path):
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is not installed")
    options = ExecutorOptions(executor="ray", address="nowhere.invalid:1")
    with chosen_executor(options, tmp_path) as executor:
        assert not executor.is_here
