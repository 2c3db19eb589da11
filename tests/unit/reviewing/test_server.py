import pytest

pytest.importorskip("starlette", reason="the extra review is not installed")

from starlette.testclient import TestClient

from noisefix.reporting.data import page_data, read_tables
from noisefix.reviewing.board import Board
from noisefix.reviewing.server import TOKEN_HEADER, RunPage, make_app
from noisefix.run.decisions import read_decisions

TOKEN = "0123456789abcdef"
WORD = {
    "row": 3,
    "decision": "keep",
    "label": None,
    "who": "ann",
    "when": "2026-01-01T00:00:00.000+00:00",
    "note": "",
}


@pytest.fixture
def run(tmp_path, write_page_run):
    return write_page_run(tmp_path, 50)


@pytest.fixture
def client(run):
    tables = read_tables(run)
    columns = [tables.issues[name].to_pylist() for name in ("id", "text", "given_label")]
    board = Board(run.decisions, *columns)
    data = page_data(tables, transport="server")
    page = RunPage(data, columns[1], board, None)
    app = make_app(page, token=TOKEN, port=8000, name="ann")
    return TestClient(app, base_url="http://127.0.0.1:8000", headers={TOKEN_HEADER: TOKEN})


def test_the_page_is_for_those_who_know_the_address(client):
    assert "noisefix" in client.get(f"/{TOKEN}").text
    assert client.get("/guess").status_code == 403
    assert client.get("/").status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {TOKEN_HEADER: "guess"},
        {TOKEN_HEADER: ""},
        {"Host": "evil.example:8000"},
        {"Host": "127.0.0.1:8001"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_nobody_else_can_read_or_write(client, run, headers):
    for answer in (
        client.get("/api/state", headers=headers),
        client.post("/api/decide", json=WORD, headers=headers),
    ):
        assert answer.status_code == 403
        assert answer.json() == {"error": "not allowed"}
    assert not run.decisions.exists()
    assert client.get(f"/{TOKEN}", headers={"Host": "evil.example"}).status_code == 403


def test_a_decision_is_written_and_told_to_others(client, run):
    told = client.post("/api/decide", json=WORD | {"since": 0}).json()
    assert [d["row"] for d in told["decisions"]] == [3]
    assert [line.id for line in read_decisions(run.decisions)] == ["4"]
    assert client.get("/api/summary?since=0").json() == told
    assert client.get("/api/summary?since=1").json()["decisions"] == []
    state = client.get("/api/state").json()
    assert [record["row"] for record in state["decisions"]] == [3]
    assert client.post("/api/undo", json={"who": "ann"}).json()["undone"] == {"row": 3, "id": "4"}
    assert "undone" not in client.post("/api/undo", json={"who": "ann"}).json()


def test_rows_are_leased_and_texts_are_whole(client):
    assert client.get("/api/next?who=ann&row=1").json() == {}
    assert client.get("/api/next?who=bob&row=1").json() == {"taken": "ann"}
    assert len(client.get("/api/text?row=1").json()["text"]) > 0
    assert client.get("/api/text?row=999").status_code == 400


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"row": true}', b"x" * 70_000])
def test_nonsense_is_refused(client, run, body):
    assert client.post("/api/decide", content=body).status_code == 400
    assert not run.decisions.exists()
