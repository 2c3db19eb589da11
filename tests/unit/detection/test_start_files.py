import tomllib

from hypothesis import given
from hypothesis import strategies as st

from noisefix.detection.findings import PairSummary
from noisefix.detection.start_files import gate_limit, labels_text, toml_text
from noisefix.label_descriptions import load_label_sheet


@given(st.text())
def test_any_text_is_a_toml_string_on_one_line(text):
    written = toml_text(text)
    assert written.isprintable()
    assert tomllib.loads(f"x = {written}")["x"] == text


@given(st.floats(0, 1))
def test_data_pass_the_limit_that_is_made_of_them(low):
    limit = gate_limit(low)
    assert 0.01 <= limit <= 1
    assert low <= limit
    assert limit <= 1.2 * low + 0.02 + 1e-8


def test_hostile_class_names_stay_names(tmp_path):
    names = ("a\n[labels.x]", 'b" = "c', "é.# d", "\x7f")
    pair = PairSummary(names[0], names[1], 3.2, 1, None, None, None, None, None)
    path = tmp_path / "labels.toml"
    path.write_text(labels_text(names, [pair]))
    sheet = load_label_sheet(path)
    assert tuple(sheet.labels) == names
    assert "seems right: about 3\n" in path.read_text()
