from noisefix.executors import InTurn


def test_tasks_are_worked_off_in_turn_when_they_are_asked_for():
    done = []

    def work(task):
        done.append(task)
        return task * 2

    results = InTurn().map(work, range(5))
    assert next(results) == 0
    assert done == [0]
    assert list(results) == [2, 4, 6, 8]
