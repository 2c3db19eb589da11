"""What else there is: other ways to find wrong labels, and to make one label of several columns.

Each is used as its authors' defaults have it. All look at embeddings and labels only.
"""

from __future__ import annotations

import warnings

import numpy as np
import plain_script
from detection import Verdict

from noisefix.neighbors.search import nearest

NO_VOTE = -1
_N_NEIGHBORS = 10
_MAX_STEPS = 100
_TOL = 1e-5
_SMOOTHING = 0.1


def plain(vectors: np.ndarray, labels: np.ndarray, seed: int = 0) -> Verdict:
    """Judge labels as the plain script does; arguments as there."""
    found = plain_script.judge(vectors, labels, seed)
    return Verdict(1 - found.self_confidence, found.is_issue, found.noise_rate)


def datalab(vectors: np.ndarray, labels: np.ndarray) -> Verdict:
    """Judge labels as ``Datalab.find_issues(features=vectors)`` of cleanlab 2.9 does.

    Its label check without the class around it, which needs the package ``datasets``: shares of the
    ten nearest rows' labels go to ``CleanLearning``.

    Args:
        vectors: (N, D) sentence embeddings.
        labels: (N,) class ids; every class in 0..K-1 has a row.
    """
    from cleanlab.classification import CleanLearning
    from cleanlab.dataset import overall_label_health_score
    from sklearn.neighbors import KNeighborsClassifier

    k = _N_NEIGHBORS
    voters = KNeighborsClassifier(n_neighbors=k + 1).fit(vectors, labels)
    probs = voters.predict_proba(vectors)  # (N, K), the row itself among the k + 1
    probs[np.arange(len(labels)), labels] -= 1 / (k + 1)
    probs *= (k + 1) / k
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rows whose neighbours all have other labels
        cleaner = CleanLearning(find_label_issues_kwargs={"n_jobs": 1})
        found = cleaner.find_label_issues(labels=labels, pred_probs=probs)
        health = overall_label_health_score(labels, probs, verbose=False)
    return Verdict(
        1 - found["label_quality"].to_numpy(),
        found["is_label_issue"].to_numpy(),
        float(1 - health),
    )


def simifeat(vectors: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> Verdict:
    """Judge each label by the votes of the ten rows nearest to it, weighed by their cosine.

    A label is flagged if another has more votes, and suspicious by the share of the votes that it
    did not get. Of the paper this is the vote, without the ranking by an estimated noise matrix.

    Args:
        vectors: (N, D) sentence embeddings, unit length.
        labels: (N,) class ids in 0..K-1.
        groups: (N,) near-duplicates share a number; they do not vote on each other.

    Source: Zhu, Dong, Liu, "Detecting Corrupted Labels Without Training a Model to Predict", ICML
    2022, section 3.
    """
    found = nearest(vectors, vectors, _N_NEIGHBORS, query_groups=groups, base_groups=groups)
    is_there = found.indices >= 0
    rows = np.nonzero(is_there)[0]
    votes = np.zeros((len(labels), int(labels.max()) + 1))
    weights = np.maximum(found.similarities[is_there], 0)
    np.add.at(votes, (rows, labels[found.indices[is_there]]), weights)
    own = votes[np.arange(len(labels)), labels]
    total = votes.sum(axis=1)
    is_issue = votes.max(axis=1) > own
    p_error = np.where(total > 0, 1 - own / np.maximum(total, 1e-12), 0.5)
    return Verdict(p_error, is_issue, float(is_issue.mean()))


def majority(votes: np.ndarray, n_classes: int) -> np.ndarray:
    """Return (N,) the label with the most votes; a tie goes to the earliest column's label.

    Args:
        votes: (N, V) class ids in 0..K-1, ``NO_VOTE`` where a column says nothing.
        n_classes: K.

    Returns:
        (N,) class ids; ``NO_VOTE`` where no column says anything.
    """
    counts = _counts(votes, n_classes)
    for column in range(votes.shape[1]):
        rows = np.flatnonzero(votes[:, column] >= 0)
        counts[rows, votes[rows, column]] += 0.5 ** (column + 2)
    return np.where((votes >= 0).any(axis=1), counts.argmax(axis=1), NO_VOTE)


def dawid_skene(votes: np.ndarray, n_classes: int) -> np.ndarray:
    """Return (N, K) P(true label | votes): one confusion matrix for each column, by EM.

    It starts from the vote; counts are smoothed by a tenth of a vote.

    Args:
        votes: (N, V) class ids in 0..K-1, ``NO_VOTE`` where a column says nothing.
        n_classes: K.

    Source: Dawid and Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM
    Algorithm", Applied Statistics 28, 1979.
    """
    posterior = _counts(votes, n_classes) + _SMOOTHING
    posterior /= posterior.sum(axis=1, keepdims=True)
    said = [np.flatnonzero(column >= 0) for column in votes.T]
    for _ in range(_MAX_STEPS):
        logits = np.tile(np.log(posterior.mean(axis=0) + 1e-12), (len(votes), 1))
        for rows, column in zip(said, votes.T, strict=True):
            counts = np.full((n_classes, n_classes), _SMOOTHING)  # [true, said]
            np.add.at(counts.T, column[rows], posterior[rows])
            confusion = counts / counts.sum(axis=1, keepdims=True)
            logits[rows] += np.log(confusion).T[column[rows]]
        new = np.exp(logits - logits.max(axis=1, keepdims=True))
        new /= new.sum(axis=1, keepdims=True)
        change = np.abs(new - posterior).max()
        posterior = new
        if change < _TOL:
            break
    return posterior


def crowdlab(votes: np.ndarray, n_classes: int, vectors: np.ndarray) -> np.ndarray:
    """Return (N,) consensus labels of cleanlab's CROWDLAB, with its defaults.

    Its classifier is the plain script's, trained on the majority's labels.

    Args:
        votes: (N, V) class ids in 0..K-1, ``NO_VOTE`` where a column says nothing; each row has a
            vote.
        n_classes: K.
        vectors: (N, D) sentence embeddings.

    Source: Goh, Tkachenko, Mueller, "CROWDLAB", NeurIPS HITL workshop 2022.
    """
    from cleanlab.multiannotator import get_label_quality_multiannotator

    voted, labels = np.unique(majority(votes, n_classes), return_inverse=True)
    probs = np.full((len(votes), n_classes), 1e-6)
    probs[:, voted] = plain_script.judge(vectors, labels).pred_probs
    probs /= probs.sum(axis=1, keepdims=True)
    table = np.where(votes >= 0, votes, np.nan).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # annotators with few answers, classes nobody voted for
        found = get_label_quality_multiannotator(
            table, probs, return_detailed_quality=False, return_annotator_stats=False, verbose=False
        )
    labels = found["label_quality"]["consensus_label"].to_numpy()
    return np.asarray(labels, dtype=np.int64)


def _counts(votes: np.ndarray, n_classes: int) -> np.ndarray:
    classes = np.arange(n_classes)
    counts: np.ndarray = (votes[:, :, None] == classes).sum(axis=1).astype(float)  # (N, K)
    return counts
