"""A run judged again in memory, in the light of what people have said by now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from noisefix.detection.annotations import kept_answers
from noisefix.detection.decided import merged, rejected_table
from noisefix.detection.joint import tables_beside
from noisefix.detection.rejected import DECIDED
from noisefix.detection.rejudge import joint_as_made, sets_as_made
from noisefix.reporting.judgement import Judgement, judgement
from noisefix.run.answers import with_answers
from noisefix.run.decisions import PersonDecision
from noisefix.run.parquet import read_table
from noisefix.run.rejected import without_rejected
from noisefix.run.schemas import EMBEDDINGS, RELABELS
from noisefix.run.settled import settled
from noisefix.run.standing import decided_rows, rejected_rows, standing, verified_table

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.folder import RunFolder

_ANSWER = ("id", "action", "final_label", "p_error", "reasons", "annotator", "cost_usd")


class Again(Protocol):
    """What judges a run again; nothing of it is written."""

    def look(self) -> None:
        """Do, once, what does not depend on what people say."""
        ...

    def judge(self, said: Sequence[PersonDecision]) -> Judgement:
        """Judge all rows.

        Args:
            said: all that people have said, in its order.
        """
        ...


def again(folder: RunFolder) -> Again:
    """Return what judges a run again as it was judged.

    Raises:
        UsageError: it cannot be, see ``joint_as_made`` and ``sets_as_made``.
        DataError: a table cannot be read.
    """
    return OneLabel(folder) if folder.set_reading() is None else SeveralLabels(folder)


class _Rows:
    """The rows of a run, and who of them is decided."""

    def __init__(self, folder: RunFolder) -> None:
        self.table, _ = read_table(folder.embeddings, EMBEDDINGS)
        names = ("id", "text", "given_label")
        self.ids, self.texts, self.given = (self.table[name].to_pylist() for name in names)

    def decided(
        self, said: Sequence[PersonDecision]
    ) -> tuple[dict[str, PersonDecision], pa.Table | None]:
        """Return the decisions by id, and as verified rows; None where there are none."""
        rows = decided_rows(self.texts, self.given, standing(said))
        words = {self.ids[row]: word for row, word in rows.items()}
        return words, verified_table(self.ids, self.given, rows) if rows else None


class OneLabel:
    """Rows with one label each; args and errors as for ``again``."""

    def __init__(self, folder: RunFolder) -> None:
        from noisefix.detection.joint_stage import STAGE

        self._params, self._seed = joint_as_made(folder)
        self._rows = _Rows(folder)
        self._tables = {"embeddings": self._rows.table}
        for name, path in tables_beside(folder.embeddings).items():
            self._tables[name], _ = read_table(path, STAGE.reads[name], STAGE.columns.get(name))
        self._tables |= kept_answers(folder, folder.read()["stages"]["joint"]["inputs"])
        self._answers = None
        if folder.relabels.exists():
            self._answers, _ = read_table(folder.relabels, RELABELS, _ANSWER)
        self._seen: Any = None

    def look(self) -> None:
        """See ``Again``."""
        from noisefix.detection.joint_stage import see

        self._seen = see(self._tables, self._params, seed=self._seed)

    def judge(self, said: Sequence[PersonDecision]) -> Judgement:
        """See ``Again``."""
        from noisefix.detection.joint_facts import results
        from noisefix.detection.joint_stage import weigh
        from noisefix.detection.joint_tables import build

        rows = self._rows
        words, table = rows.decided(said)
        out = rejected_rows(rows.texts, rows.given, said)
        more = {DECIDED: rejected_table(rows.ids, out)} if out else {}
        verified = merged(None, table)
        judged = weigh(self._seen, verified, self._params, ruled_out=more, seed=self._seed)
        tables = build(rows.table, judged, self._params.n_neighbors)
        issues, names = tables["issues"], judged.class_names
        if self._answers is not None:
            issues = with_answers(issues, self._answers)
        issues = settled(issues, words, names)
        ruled_out = {rows.ids[row]: labels for row, labels in out.items()}
        issues = without_rejected(issues, ruled_out, names)
        return judgement(issues, names, results(judged), tables["classes"], tables["pairs"])


class SeveralLabels:
    """Rows with several labels; args and errors as for ``again``."""

    def __init__(self, folder: RunFolder) -> None:
        self._params, self._seed = sets_as_made(folder)
        self._rows = _Rows(folder)
        self._around: Any = None

    def look(self) -> None:
        """See ``Again``."""
        from noisefix.detection.several_labels.stage import surroundings_of

        self._around = surroundings_of(self._rows.table, self._params)

    def judge(self, said: Sequence[PersonDecision]) -> Judgement:
        """See ``Again``."""
        from noisefix.detection.several_labels.stage import judge_sets, with_said_names
        from noisefix.detection.several_labels.tables import build, results

        words, decided = self._rows.decided(said)
        params = with_said_names(self._params, decided)
        tables = {"embeddings": self._rows.table}
        tables |= {} if decided is None else {"decided": decided}
        judged = judge_sets(tables, params, seed=self._seed, around=self._around)
        built = build(self._rows.table, judged, params.n_neighbors)
        issues = settled(built["issues"], words, params.names, several_labels=True)
        facts = results(judged)
        return judgement(issues, params.names, facts, built["classes"], several_labels=True)
