"""noisefix.toml reaches the commands, and loses against what is typed."""

import pytest

RELABEL = "strategy = 'relabel'\n"


@pytest.fixture
def run(make_run, verdict):
    rows = [verdict("x", "y", 0.95, is_issue=True), verdict("y", "y", 0.99)]
    return make_run("text,label\na,x\nb,y\n", rows)


@pytest.fixture
def config(tmp_path):
    def write(text: str):
        path = tmp_path / "noisefix.toml"
        path.write_text(text)
        return path

    return write


def test_values_come_from_the_file(cli, run, config):
    path = config("[apply]\nstrategy = 'relabel'\ndry-run = true\n")
    outcome = cli("apply", run.path, "--config", path)
    assert outcome.code == 0, outcome.err
    assert "1 of 1 flagged row would be relabelled" in outcome.out


def test_command_line_wins(cli, run, config):
    path = config("[apply]\nstrategy = 'relabel'\ndry_run = true\n")
    outcome = cli("apply", run.path, "--strategy", "drop", "--config", path)
    assert "1 of 2 rows would be left out" in outcome.out


def test_number_from_the_file_is_checked_like_a_typed_one(cli, run, config):
    outcome = cli("apply", run.path, "--dry-run", "--config", config("[apply]\nmin_margin = 3\n"))
    assert outcome.code == 2
    assert "--min-margin" in outcome.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[apply]\nstrategie = 'drop'\n", "[apply] has no option 'strategie'"),
        ("[aply]\n", "[aply] names no command"),
        ("strategy = ", "not valid TOML"),
    ],
)
def test_mistakes_in_the_file_are_wrong_usage(cli, run, config, text, message):
    path = config(text)
    outcome = cli("apply", run.path, "--dry-run", "--config", path)
    assert (outcome.code, outcome.out) == (2, "")
    assert str(path) in outcome.err
    assert message in outcome.err
    assert "hint: " in outcome.err


def test_file_that_is_not_there(cli, run):
    outcome = cli("apply", run.path, "--config", "nowhere.toml")
    assert outcome.code == 2
    assert "nowhere.toml: cannot read" in outcome.err
