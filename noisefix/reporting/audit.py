"""The audit of a page: the sample of the ``audit`` command, and what it says by now."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from noisefix.auditing.measured import counts_said, gain_said, measure, shares_said
from noisefix.auditing.plan import open_plan
from noisefix.auditing.sample_file import STRATA, NoRowsError

if TYPE_CHECKING:
    from noisefix.auditing.plan import AuditPlan
    from noisefix.run.folder import RunFolder

AUDIT_ROWS = 30
_ROWS_A_MINUTE = 6


def audit_columns(folder: RunFolder, ids: Sequence[str], seed: int) -> dict[str, Any]:
    """Return the rows of a run's sample, as the page asks about them.

    The sample is drawn and written into the run folder if there is none yet.

    Args:
        folder: the run folder.
        ids: (N,) of the page's rows.
        seed: of the draw, where it is the first.

    Returns:
        ``rows`` in the order of asking, their ``stratum``, those of them that are ``unsure``, what
        the sample says (``said``), the ``command`` that says more; ``why`` there are no rows.

    Raises:
        DataError: the run folder cannot be used.
    """
    command = shlex.join(["noisefix", "audit", folder.path.name])
    none = {"rows": [], "stratum": [], "unsure": [], "said": [], "minutes": 0, "command": command}
    if folder.set_reading() is not None:
        return none | {"why": "it measures rows with one label each"}
    if not folder.audit.exists() and not os.access(folder.path, os.W_OK):
        return none | {"why": "the run folder cannot be written to, and has no sample yet"}
    try:
        plan = open_plan(folder, AUDIT_ROWS, seed)
    except NoRowsError:
        return none | {"why": "every row that could be drawn is decided"}
    place = {key: row for row, key in enumerate(ids)}
    return {
        "rows": [place[row.id] for row in plan.rows],
        "stratum": [STRATA.index(row.stratum) for row in plan.rows],
        "unsure": [place[row.id] for row in plan.rows if row.is_unsure],
        "said": audit_said(plan),
        "minutes": max(1, round(len(plan.to_mark) / _ROWS_A_MINUTE)),
        "command": command,
        "why": "",
    }


def audit_said(plan: AuditPlan) -> list[str]:
    """Return what a sample says by now, in the sentences of the ``audit`` command; none of no row.

    Args:
        plan: the sample.
    """
    measured = measure(plan)
    shares = shares_said(measured)
    if not shares:
        return []
    more = [gain_said(measured)] if measured.more_rows and not measured.left else []
    return [*counts_said(measured), *shares, *more]
