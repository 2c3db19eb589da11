"""``joint``: judge every label of an embeddings table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.errors import UsageError
from noisefix.pipeline.embed import LABEL_NAMES_FILE, ProgressCallback
from noisefix.pipeline.joint_sources import read_trusted
from noisefix.stages.base import Stage, StageReport, run_stage

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.stages.joint import JointParams


def joint(
    embeddings: str | Path,
    output: str | Path,
    *,
    pred_probs: str | Path | None = None,
    trusted_column: str | None = None,
    data: str | Path | None = None,
    id_column: str | None = None,
    class_shares: str | None = None,
    labelled_by: str = "unknown",
    flag_precision: float | None = None,
    flag_top: int | None = None,
    filter_by: str | None = None,
    n_folds: int = 5,
    n_neighbors: int = 10,
    device: str = "auto",
    seed: int = 0,
    force: bool = False,
    progress: ProgressCallback | None = None,
) -> StageReport:
    """Judge every label of an embeddings table.

    Args:
        embeddings: embeddings.parquet; ``label_names.parquet`` beside it is used where it is of
            these embeddings.
        output: folder for issues, joint, classes, pairs and duplicates.
        pred_probs: table with the user's own out-of-sample probabilities, a column a class.
        trusted_column: column that says which rows a person has verified, or holds their label.
        data: the table that holds this column; None: the input of the run folder the embeddings
            lie in.
        id_column: id column of ``data``, where that is not the file that was embedded; None: named
            as in the run's input, else "id".
        class_shares: true shares the user knows, as "name=share,name=share".
        labelled_by: who made the labels: "people", "model", "rules" or "unknown".
        flag_precision: flag rows while this share of the flagged is expected to be wrong; None: as
            many as balance what is found against what is flagged in vain.
        flag_top: flag so many rows; None: as many as seem wrong.
        filter_by: what flags a row; None: p_error.
        n_folds: folds of the out-of-fold probabilities.
        n_neighbors: neighbours quoted in the reasons.
        device: "auto", "cpu", "cuda" or "mps", for the neighbour search.
        seed: seed of folds and bootstrap.
        force: run even if nothing changed.
        progress: called with how far it has come.

    Raises:
        DataError: a table is not what it should be.
        UsageError: an option is out of range.
    """
    from noisefix.stages.joint import STAGE

    params = joint_params(
        n_folds=n_folds,
        n_neighbors=n_neighbors,
        filter_by=filter_by,
        class_shares=class_shares,
        device=device,
        labelled_by=labelled_by,
        flag_precision=flag_precision,
        flag_top=flag_top,
    )
    source = Path(embeddings)
    more = read_own_probs(pred_probs)
    if trusted_column is not None:
        more["trusted"] = read_trusted(source, trusted_column, data, id_column)
    elif data is not None:
        raise UsageError(
            "--data names a table, but no column of it", "name the column with --trusted-column"
        )
    names = source.parent / LABEL_NAMES_FILE
    has_names = _is_made_from(names, source)
    folder = Path(output)
    if source.is_file():  # else there is nothing to write, and no folder to leave behind
        _make_folder(folder)
    return run_stage(
        STAGE,
        {"embeddings": source} | ({"label_names": names} if has_names else {}),
        stage_outputs(STAGE, folder),
        params,
        seed=seed,
        force=force,
        progress=progress,
        in_memory=more,
    )


def joint_params(*, filter_by: str | None, class_shares: str | None, **others: Any) -> JointParams:
    """Gather the stage's parameters from what the commands take."""
    from noisefix.stages.joint import DEFAULT_VERDICT, JointParams

    return JointParams(
        filter_by=DEFAULT_VERDICT if filter_by is None else filter_by,
        class_shares=_parse_shares(class_shares),
        **others,
    )


def _parse_shares(text: str | None) -> tuple[tuple[str, float], ...]:
    """Read "name=share,name=share"; names may hold an equals sign."""
    pairs = []
    for part in [] if text is None else text.split(","):
        name, _, share = part.rpartition("=")
        try:
            pairs.append((name.strip(), float(share)))
        except ValueError as error:
            raise UsageError(
                f"--class-shares: {part!r} is not NAME=SHARE", "for instance refund=0.1,billing=0.3"
            ) from error
    return tuple(sorted(pairs))


def read_own_probs(path: str | Path | None) -> dict[str, pa.Table]:
    """Read --pred-probs, named as the stage knows it; nothing where there are none."""
    if path is None:
        return {}
    from noisefix.tables.source import read_source

    return {"pred_probs": read_source(path).table}


def _is_made_from(names: Path, embeddings: Path) -> bool:
    """Say whether the label names are of these embeddings, not of an encoder used before."""
    from noisefix.tables.atomic import sha256_file
    from noisefix.tables.parquet import read_provenance

    if not (names.is_file() and embeddings.is_file()):
        return False
    return read_provenance(names).inputs.get("embeddings") == sha256_file(embeddings)


def stage_outputs(stage: Stage, folder: Path) -> dict[str, Path]:
    """Return where a stage writes its tables in a folder."""
    return {name: folder / f"{name}.parquet" for name in stage.writes}


def _make_folder(folder: Path) -> None:
    from noisefix.tables.atomic import write_error

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(error, folder) from error
