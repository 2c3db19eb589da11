"""Several votes on one row: the majority decides, disagreement lowers the confidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from noisefix.annotators.budget import NO_USAGE, Usage
from noisefix.annotators.protocol import Answer
from noisefix.errors import ServiceError


def majority(answers: Iterable[Answer], n_votes: int) -> Iterator[Answer]:
    """Yield one answer a row, as soon as all its votes are in.

    When the answers end before that, the votes that are there decide. An error that ends them is
    raised afterwards.

    Args:
        answers: of the votes 0..n_votes-1 of each row, in any order.
        n_votes: votes a row.
    """
    waiting: dict[str, list[Answer]] = {}
    failure: ServiceError | None = None
    try:
        for answer in answers:
            votes = waiting.setdefault(answer.id, [])
            votes.append(answer)
            if len(votes) >= n_votes:
                yield combined(waiting.pop(answer.id))
    except ServiceError as error:
        failure = error
    for votes in waiting.values():
        yield combined(votes)
    if failure is not None:
        raise failure


def combined(votes: Sequence[Answer]) -> Answer:
    """Return the answer that most votes give.

    A tie goes to the higher sum of confidences, then to the vote that was asked first. The
    confidence is the mean over all votes of the winner's confidence in its own votes, and 0 in
    the others; a vote without a confidence counts as 1. Probabilities are averaged, tokens, costs
    and attempts added up. Where the winner rules a label out, so does every vote that did.

    Args:
        votes: at least one, of one row.
    """
    votes = sorted(votes, key=lambda vote: vote.vote)
    if len(votes) == 1:
        return votes[0]
    cast = [vote for vote in votes if vote.answer is not None]
    used = sum((Usage(vote.input_tokens, vote.output_tokens) for vote in votes), NO_USAGE)
    costs = [vote.cost_usd for vote in votes if vote.cost_usd is not None]
    summed = replace(
        votes[0],
        vote=0,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cost_usd=sum(costs) if costs else None,
        latency_s=max((v.latency_s for v in votes if v.latency_s is not None), default=None),
        attempts=sum(vote.attempts for vote in votes),
        reused=all(vote.reused for vote in votes),
    )
    if not cast:
        return summed
    weights: dict[tuple[str | None, bool], list[float]] = {}
    for vote in cast:
        confidence = 1.0 if vote.confidence is None else vote.confidence
        weights.setdefault((vote.answer, vote.is_label), []).append(confidence)
    winner = max(weights, key=lambda choice: (len(weights[choice]), sum(weights[choice])))
    answer, is_label = winner
    rejecting = [vote for vote in cast if vote.rejected]
    if not any(vote.answer == answer and not is_label for vote in rejecting):
        rejecting = []
    else:
        answer = ", ".join(dict.fromkeys(vote.answer or "" for vote in rejecting))
    return replace(
        summed,
        answer=answer,
        is_label=is_label,
        rejected=tuple(label for vote in rejecting for label in vote.rejected),
        confidence=sum(weights[winner]) / len(cast),
        probabilities=_averaged(cast),
        raw_answer="\n".join(vote.raw_answer or "" for vote in cast),
        error=None,
    )


def _averaged(votes: Sequence[Answer]) -> dict[str, float] | None:
    given = [vote.probabilities for vote in votes if vote.probabilities]
    if not given:
        return None
    names = dict.fromkeys(name for probabilities in given for name in probabilities)
    return {name: sum(p.get(name, 0.0) for p in given) / len(given) for name in names}
