"""What tables of answers have in common: who was asked, what it took, and how edits are kept."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from noisefix.redaction import redact

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.annotators.protocol import Annotator, Answer
    from noisefix.relabelling.pair_plan import PairPlan
    from noisefix.relabelling.plan import RelabelPlan
    from noisefix.run.schemas import TableSchema


def asked_columns(answer: Answer) -> dict[str, Any]:
    """Return what was asked of whom, and what it took."""
    return {
        "annotator": answer.annotator or None,
        "model": answer.model or None,
        "prompt_sha256": answer.prompt_sha256 or None,
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
        "cost_usd": answer.cost_usd,
        "latency_s": answer.latency_s,
        "attempts": answer.attempts,
        "error": None if answer.error is None else redact(answer.error),
    }


def write_edits(
    plan: RelabelPlan | PairPlan,
    stage: str,
    table: pa.Table,
    schema: TableSchema,
    annotator: Annotator,
    measure: str,
    started: float,
) -> None:
    """Write a table of edits into a run folder, and record it there.

    Args:
        plan: what was asked.
        stage: how run.json calls what was done.
        table: the edits.
        schema: of the table.
        annotator: who was asked.
        measure: what compares the texts.
        started: ``time.perf_counter()`` when it began.
    """
    from noisefix.annotators.protocol import identity_of
    from noisefix.run.parquet import write_table
    from noisefix.run.provenance import Provenance
    from noisefix.version import __version__

    who, path = identity_of(annotator), plan.folder.path / f"{schema.name}.parquet"
    parameters = {"annotator": who.annotator, "model": who.model, "measure": measure}
    write_table(
        table,
        path,
        schema,
        Provenance(
            schema=schema.name,
            version=schema.version,
            noisefix_version=__version__,
            class_names=plan.rows.class_names,
            parameters=parameters,
            seed=plan.options.seed,
            inputs=plan.rows.digests,
        ),
    )
    plan.folder.record_stage(
        stage,
        parameters=parameters,
        seed=plan.options.seed,
        inputs=plan.rows.digests,
        outputs={schema.name: path.name},
        seconds=time.perf_counter() - started,
    )
