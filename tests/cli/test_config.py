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


def test_a_file_beside_the_data_is_found_and_named_once(cli, run, config):
    path = config("[check]\nmax_issues = 0\n")
    outcome = cli("check", run.path)
    assert outcome.code == 1
    assert outcome.err == f"note: options from {path} (--no-config: without)\n"
    assert cli("check", run.path, "-q").err == ""
    assert cli("check", run.path, "--max-issues", 5).code == 0
    without = cli("check", run.path, "--no-config")
    assert (without.code, "no gate is set" in without.err) == (2, True)


def test_a_file_that_says_nothing_to_the_command_is_not_mentioned(cli, run, config):
    config("[apply]\nmin_margin = 0.1\n")
    assert cli("check", run.path, "--max-issues", 5).err == ""


def test_the_table_in_pyproject_counts_and_a_named_file_wins(cli, run, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.noisefix.check]\nmax_issues = 0\n")
    assert cli("check", run.path).code == 1
    other = tmp_path / "other.toml"
    other.write_text("[check]\nmax_issues = 9\n")
    named = cli("check", run.path, "--config", other)
    assert (named.code, named.err) == (0, "")
    assert cli("check", run.path, "--config", tmp_path / "pyproject.toml").code == 1


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("check", "[check]\nmax_issues = 9\njunit = 'x.xml'\n"),
        ("relabel", "base_url = 'https://evil.example'\n"),
        ("relabel", "[relabel]\napi_key_env = 'AWS_SECRET'\n"),
        ("relabel", "[relabel]\nvllm_config = 'serve.yaml'\n"),
    ],
)
def test_a_found_file_decides_no_address_and_no_output(cli, run, config, tmp_path, command, text):
    path = config(text)
    outcome = cli(command, run.path)
    assert (outcome.code, outcome.out) == (2, "")
    assert "is taken only from a file that you name" in outcome.err
    assert f"--config {path}" in outcome.err
    assert not (tmp_path / "x.xml").exists()


def test_paths_in_a_file_start_where_it_lies(cli, run, config, tmp_path, monkeypatch):
    baseline = tmp_path / "known.txt"
    assert cli("check", run.path, "--write-baseline", baseline).code == 0
    config("[check]\nbaseline = 'known.txt'\nmax_new_issues = 0\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert cli("check", "../run").code == 0


def test_data_with_different_files_are_refused(cli, run, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "noisefix.toml").write_text("[check]\nmax_issues = 9\n")
    outcome = cli("check", tmp_path / "a" / "x.csv", tmp_path / "b" / "x.csv")
    assert (outcome.code, "different configurations" in outcome.err) == (2, True)
