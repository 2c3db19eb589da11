"""The verdicts of a run computed anew, with the same options, in the light of what people said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from noisefix.detection.annotations import kept_answers
from noisefix.detection.candidates import candidates
from noisefix.detection.embed import ProgressCallback
from noisefix.detection.joint import judge_into
from noisefix.detection.options import CandidatesOptions
from noisefix.detection.rejudge import NOT_KEPT
from noisefix.run.parquet import read_table
from noisefix.run.schemas import ISSUES
from noisefix.run.settled import run_decisions

if TYPE_CHECKING:
    from noisefix.run.folder import RunFolder

_TABLES = (
    "embeddings",
    "issues",
    "joint",
    "classes",
    "pairs",
    "duplicates",
    "deciding",
    "annotators",
    "annotations",
)


def recalibrate(folder: RunFolder, progress: ProgressCallback | None = None) -> str:
    """Judge a run's labels again with its decisions as verified rows.

    Args:
        folder: the run folder.
        progress: called with how far it has come.

    Returns:
        "" where it was done, else why the run folder alone does not hold what it takes.

    Raises:
        DataError: a table cannot be read or written, or another process writes in the folder.
    """
    content = folder.read()
    stage = content["stages"].get("joint")
    why = _obstacle(folder, content, stage)
    if why:
        return why
    with folder.lock("noisefix audit"):
        params = _joint_params(stage["parameters"])
        seed = stage["seed"] or 0
        more = kept_answers(folder, stage["inputs"])
        judge_into(folder.path, folder.embeddings, params, more, seed, False, progress)
        if folder.candidates.is_file():
            _find_candidates(folder, content["stages"].get("candidates"), params.device, progress)
    return ""


def _obstacle(
    folder: RunFolder, content: Mapping[str, Any], stage: Mapping[str, Any] | None
) -> str:
    again = "run noisefix detect again, as before: it reads what was marked"
    if stage is None or not folder.embeddings.is_file():
        return f"how the labels were judged is not on record; {again}"
    if set(_TABLES) & set(content.get("outside", {})):
        return "tables of the run were made elsewhere; make them anew with the rows marked"
    for name, what in NOT_KEPT.items():
        if name in stage["inputs"] and name != "trusted":
            return f"the run used {what}; {again}"
    if "trusted" in stage["inputs"]:
        issues, _ = read_table(folder.issues, ISSUES, ("id", "is_trusted"))
        decided = run_decisions(folder)
        rows = zip(issues["id"].to_pylist(), issues["is_trusted"].to_pylist(), strict=True)
        if any(is_trusted and key not in decided for key, is_trusted in rows):
            return f"the run used a trusted column; {again}"
    return ""


def _joint_params(recorded: Mapping[str, Any]) -> Any:
    from noisefix.detection.joint_stage import JointParams

    names = {field.name for field in fields(JointParams)}
    known = {name: value for name, value in recorded.items() if name in names}
    shares = tuple((name, float(share)) for name, share in known.pop("class_shares", ()))
    return JointParams(class_shares=shares, **known)


def _find_candidates(
    folder: RunFolder,
    stage: Mapping[str, Any] | None,
    device: str,
    progress: ProgressCallback | None,
) -> None:
    recorded = {} if stage is None else stage["parameters"]
    options = CandidatesOptions(
        n_neighbors=recorded.get("n_neighbors", CandidatesOptions.n_neighbors),
        device=device,
        seed=0 if stage is None else stage["seed"] or 0,
    )
    candidates(
        folder.embeddings, folder.issues, folder.candidates, options=options, progress=progress
    )
