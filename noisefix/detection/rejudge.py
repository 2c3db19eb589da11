"""A run judged again, as it was made, in the light of what people have decided since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from noisefix.detection.annotations import kept_answers
from noisefix.detection.candidates import candidates
from noisefix.detection.joint import judge_into
from noisefix.detection.options import CandidatesOptions
from noisefix.errors import UsageError
from noisefix.run.adopt import STAGE_TABLES
from noisefix.run.parquet import read_table
from noisefix.run.schemas import ISSUES
from noisefix.run.settled import run_decisions

if TYPE_CHECKING:
    from noisefix.detection.embed import ProgressCallback
    from noisefix.detection.joint_stage import JointParams
    from noisefix.detection.several_labels.stage import SetParams
    from noisefix.run.folder import RunFolder
    from noisefix.run.stage import StageReport


NOT_KEPT = {
    "pred_probs": "your own probabilities",
    "trusted": "a trusted column",
    "not_labels": "a column of what rows are not",
    "order": "an order column",
}
"""What labels may have been judged with that is not in the run folder, by the stage's name."""

_AGAIN = "run the same command again: it reads the decisions"


def joint_as_made(folder: RunFolder) -> tuple[JointParams, int]:
    """Return with which parameters and seed the labels of a run were judged.

    Raises:
        UsageError: it was judged with what is not in the folder, or elsewhere.
        DataError: a table cannot be read.
    """
    from noisefix.detection.joint_stage import JointParams

    record = folder.read()
    made: dict[str, Any] = record["stages"].get("joint") or {}
    if not made or not folder.embeddings.is_file():
        raise UsageError(
            f"{folder.path}: does not say how its labels were judged",
            "judge them with noisefix joint RUN, which reads the decisions",
        )
    if {"embeddings", *STAGE_TABLES["joint"]} & set(record.get("outside", {})):
        raise UsageError(f"{folder.path}: has tables that were made elsewhere", _AGAIN)
    for name, what in NOT_KEPT.items():
        if name in made["inputs"] and not (name == "trusted" and _all_decided(folder)):
            raise UsageError(
                f"{folder.path}: was judged with {what}, and that is not in the folder", _AGAIN
            )
    parameters = dict(made["parameters"])
    parameters["class_shares"] = tuple(
        (name, share) for name, share in parameters.get("class_shares", ())
    )
    return JointParams(**parameters), int(made["seed"] or 0)


def _all_decided(folder: RunFolder) -> bool:
    """Say whether people have decided every row that was verified by a column."""
    issues, _ = read_table(folder.issues, ISSUES, ("id", "is_trusted"))
    verified = issues.filter(issues["is_trusted"])["id"].to_pylist()
    return set(verified) <= set(run_decisions(folder))


def sets_as_made(folder: RunFolder) -> tuple[SetParams, int]:
    """Return with which parameters and seed the rows of a run were judged that have several labels.

    Raises:
        UsageError: the folder does not say it.
    """
    from noisefix.detection.several_labels.stage import SetParams

    made: dict[str, Any] = folder.read()["stages"].get("several_labels") or {}
    if not made:
        raise UsageError(
            f"{folder.path}: does not say how its labels were judged",
            "judge them with noisefix detect, which reads the decisions",
        )
    parameters = made["parameters"] | {"names": tuple(made["parameters"]["names"])}
    return SetParams(**parameters), int(made["seed"] or 0)


def rejudge(
    folder: RunFolder, *, progress: ProgressCallback | None = None
) -> tuple[StageReport, ...]:
    """Write the tables of a run anew: verdicts, then candidates where there are some.

    Args:
        folder: the run folder.
        progress: called with how far it has come.

    Returns:
        The reports of the stages; what was there is kept where no decision is new.

    Raises:
        UsageError: see ``joint_as_made``.
        DataError: a table cannot be read or written.
    """
    if folder.set_reading() is not None:
        from noisefix.detection.several_labels.detect import judge_sets_into

        params_of_sets, seed = sets_as_made(folder)
        with folder.lock("noisefix"):
            return (judge_sets_into(folder, params_of_sets, seed=seed, progress=progress),)
    params, seed = joint_as_made(folder)
    more = kept_answers(folder, folder.read()["stages"]["joint"]["inputs"])
    made = folder.read()["stages"].get("candidates") or {"parameters": {}, "seed": seed}
    with folder.lock("noisefix"):
        judged = judge_into(folder.path, folder.embeddings, params, more, seed, False, progress)
        if not folder.candidates.is_file():
            return (judged,)
        found = candidates(
            folder.embeddings,
            folder.issues,
            folder.candidates,
            options=CandidatesOptions(
                n_neighbors=made["parameters"].get("n_neighbors", 10),
                device=params.device,
                seed=int(made["seed"] or 0),
            ),
            progress=progress,
        )
    return judged, found
