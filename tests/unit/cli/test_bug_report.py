"""A traceback says where a bug is, and nothing that the data said there."""

import asyncio

import pytest

from noisefix.cli.bug_report import bug_report

TEXT = "Dear Sir, my account 12345 is locked"


def raised(make):
    try:
        make()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def chained():
    try:
        {}[TEXT]
    except KeyError as error:
        raise ValueError(f"bad row: '{TEXT}'\nand more of {TEXT}") from error


async def grouped():
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(failing())


async def failing():
    raise RuntimeError(f'no "{TEXT}"')


@pytest.mark.parametrize(
    "make",
    [
        lambda: float(TEXT),
        lambda: {}[TEXT],
        lambda: TEXT.encode().index(b"q"),
        lambda: getattr(1, TEXT),
        chained,
        lambda: asyncio.run(grouped()),
    ],
)
def test_texts_are_not_shown_and_frames_are(make):
    report = bug_report(raised(make))
    assert "12345" not in report
    assert "test_bug_report.py" in report
    assert "Traceback" in report


def test_types_frames_and_names_of_the_program_are_shown():
    report = bug_report(raised(chained))
    assert "KeyError: '… 36 characters'" in report
    assert "ValueError: bad row: '… 36 characters'…" in report
    assert report.count("in chained") == 2
    assert "'int' object has no attribute 'foo'" in bug_report(raised(lambda: (1).foo))
    assert len(bug_report(ValueError("x" * 10_000))) < 400


def test_errors_in_a_circle_end():
    one, two = ValueError("a"), ValueError("b")
    one.__cause__, two.__cause__ = two, one
    assert bug_report(one).count("ValueError") == 2
