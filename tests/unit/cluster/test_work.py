import pickle

import pytest

from noisefix.cluster.work import Failed, lost, name_of, result_of, run_task
from noisefix.errors import DataError, ModelError


def refuse(task):
    raise ModelError(f"no model for {task}", "take another one")


def test_an_error_for_the_user_comes_back_as_it_was():
    back = pickle.loads(pickle.dumps(run_task(refuse, 3)))
    with pytest.raises(ModelError, match="no model for 3") as caught:
        result_of(back)
    assert caught.value.hint == "take another one"
    assert caught.value.exit_code == 4
    assert caught.type is ModelError


def test_a_result_comes_back_as_it_is_and_a_bug_stays_one():
    assert result_of(run_task(str, 3)) == "3"
    with pytest.raises(ZeroDivisionError):
        run_task(lambda task: 1 // task, 0)
    assert not isinstance(run_task(str, 3), Failed)


class Named:
    name = "rows 1 to 9"

    def __str__(self):
        return "a secret text"


def test_a_lost_task_is_told_by_its_name_never_by_its_content():
    assert name_of(Named(), 4) == "rows 1 to 9"
    assert name_of("a secret text", 4) == "piece 5"
    error = lost("rows 1 to 9", ValueError("x"))
    assert isinstance(error, DataError)
    assert error.message.startswith("rows 1 to 9: the worker that had them was lost 4 times")
