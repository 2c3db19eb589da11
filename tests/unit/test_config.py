import pytest

from noisefix.config import command_options, find_config, read_config
from noisefix.errors import UsageError

OPTIONS = {
    "detect": {"text_column": "", "top": "", "seed": ""},
    "check": {"text_column": "", "max_noise_rate": ""},
}


def pick(config, command="detect"):
    return command_options(config, command, OPTIONS, origin="noisefix.toml")


def test_own_table_wins_over_what_holds_everywhere():
    config = {"text-column": "a", "detect": {"text_column": "b", "top": 3}}
    assert pick(config) == {"text_column": "b", "top": 3}
    assert pick(config, "check") == {"text_column": "a"}


def test_a_common_key_of_other_commands_is_passed_over():
    assert pick({"max_noise_rate": 0.1, "seed": 1}) == {"seed": 1}


@pytest.mark.parametrize(
    ("config", "message", "hint"),
    [
        ({"sead": 1}, "no command has an option 'sead'", "did you mean 'seed'?"),
        ({"check": {"top": 1}}, "[check] has no option 'top'", "known: max_noise_rate"),
        ({"chek": {}}, "[chek] names no command", "did you mean 'check'?"),
        ({"seed": [[1]]}, "seed must be a text, a number, true or false, or a list", "--help"),
    ],
)
def test_mistakes_are_named_with_a_remedy(config, message, hint):
    with pytest.raises(UsageError) as error:
        pick(config)
    assert message in error.value.message
    assert error.value.message.startswith("noisefix.toml: ")
    assert hint in error.value.hint


def test_file_that_is_not_there_or_not_toml(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        read_config(tmp_path / "none.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("seed = \n")
    with pytest.raises(UsageError, match=r"not valid TOML.*line 1"):
        read_config(bad)
    bad.write_bytes(b"x = '\xff'")
    with pytest.raises(UsageError, match="not valid TOML"):
        read_config(bad)


def test_file_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "noisefix.toml"
    path.write_bytes(b"\xef\xbb\xbfseed = 3\n")
    assert read_config(path) == {"seed": 3}


def test_the_nearest_file_upwards_is_found(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_config(inner) is None
    (tmp_path / "noisefix.toml").write_text("seed = 1\n")
    assert find_config(inner) == tmp_path / "noisefix.toml"
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'noisefix-user'\n")
    assert find_config(inner) == tmp_path / "noisefix.toml"
    (tmp_path / "a" / "pyproject.toml").write_text("[tool.noisefix]\nseed = 2\n")
    assert find_config(inner) == tmp_path / "a" / "pyproject.toml"
    assert read_config(tmp_path / "a" / "pyproject.toml") == {"seed": 2}
    (tmp_path / "a" / "noisefix.toml").write_text("seed = 3\n")
    assert find_config(inner) == tmp_path / "a" / "noisefix.toml"


def test_a_project_file_of_somebody_else_is_passed_over_whatever_is_in_it(tmp_path):
    project = tmp_path / "pyproject.toml"
    for content in (b"\xff\xfe", b"noisefix = \n", b"tool = 'noisefix'\n", b"[tool.ruff]\n"):
        project.write_bytes(content)
        assert find_config(tmp_path) is None
    project.write_text("[tool.noisefix]\nseed = \n")
    with pytest.raises(UsageError, match="not valid TOML"):
        find_config(tmp_path)
    project.write_text("[tool]\nnoisefix = 3\n")
    with pytest.raises(UsageError, match="must be a table"):
        find_config(tmp_path)
