import pytest

from noisefix.encoders.word_pieces import CHARACTERS_PER_TOKEN, WordPieces
from noisefix.errors import ModelError

CLS, SEP = 101, 102


@pytest.fixture(scope="module")
def pieces(minilm_folder):
    return WordPieces(minilm_folder / "tokenizer.json", 8)


def test_ids_stand_between_the_special_tokens(pieces):
    (ids,), counts = pieces.tokenize(["hello world"])
    assert ids.tolist() == [CLS, 7592, 2088, SEP]
    assert counts.tolist() == [4]


def test_no_text_is_the_special_tokens(pieces):
    ids, counts = pieces.tokenize(["", " \n\t"])
    assert [each.tolist() for each in ids] == [[CLS, SEP]] * 2
    assert counts.tolist() == [2, 2]


def test_long_texts_lose_their_end_and_are_counted_whole(pieces):
    (six, seven), counts = pieces.tokenize(["a " * 6, "a " * 7])
    assert counts.tolist() == [8, 9]
    assert six.tolist() == seven.tolist()
    assert len(seven) == 8
    assert seven[-1] == SEP


def test_only_the_beginning_of_a_huge_text_is_looked_at(pieces):
    (ids,), (count,) = pieces.tokenize(["ab " * 2_000_000])
    assert len(ids) == 8
    assert 8 < count <= CHARACTERS_PER_TOKEN * 8


def test_a_file_that_is_no_tokenizer_is_a_model_error(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json: the tokenizer cannot be loaded"):
        WordPieces(path, 8)
