"""Whether anything but the noisy labels themselves vouches for a change of labels."""

from __future__ import annotations

from dataclasses import dataclass

MIN_NAME_GAIN = 0.1
MIN_NOISE_RATE = 0.02
MIN_VERIFIED = 50
"""Measured on the noisy and clean sets of docs/benchmarks.md: below these, labels that were changed
without an annotator were made worse about as often as better."""


@dataclass(frozen=True)
class Witness:
    """Whether labels may be changed where no annotator is asked, and why (not)."""

    can_relabel: bool
    reason: str


def find_witness(
    name_gain: float | None, noise_rate_low: float, n_verified: int, n_annotators: int = 0
) -> Witness:
    """Look for a witness that the noisy labels had no part in.

    Probe, neighbours and words all learn from the given labels, and can agree on what they all
    learned wrong. What the label names mean, and what a person has verified, cannot.

    Args:
        name_gain: share of the labels' entropy that their names explain, in [0, 1]; None: the
            names were not looked at.
        noise_rate_low: lower end of the noise rate's 90 % interval, in [0, 1].
        n_verified: verified rows that the estimate has learned from.
        n_annotators: annotators' columns that are used; two or more vouch row by row, for the
            rows of which ``is_vouched`` says so, and for no others.
    """
    if n_annotators == 1:
        return Witness(False, "one annotator alone vouches for no change; a second one can")
    if n_annotators:
        return Witness(True, f"what {n_annotators} annotators say vouches for a change, row by row")
    if n_verified >= MIN_VERIFIED:
        return Witness(True, f"{n_verified:,} verified rows vouch for the estimate")
    remedy = f"{MIN_VERIFIED} verified rows (--trusted-column) or an annotator can"
    if name_gain is None:
        return Witness(False, f"nothing but the labels themselves vouches for a change; {remedy}")
    explained = f"the label names explain {100 * name_gain:.0f} % of the labels"
    if name_gain < MIN_NAME_GAIN:
        return Witness(False, f"{explained}, too little to vouch for a change; {remedy}")
    if noise_rate_low < MIN_NOISE_RATE:
        return Witness(
            False,
            f"the share of wrong labels may be as low as {100 * noise_rate_low:.1f} %, and changes "
            f"could do more harm than good; {remedy} tell",
        )
    return Witness(True, f"{explained}, and the noisy labels had no part in what the names mean")
