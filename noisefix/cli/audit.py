"""``noisefix audit``: a sample that a person marks, and what it says of flags and labels."""

from __future__ import annotations

import sys

from noisefix.auditing.options import AuditOptions
from noisefix.cli.options import RunArgument, Shown, takes_options


@takes_options
def audit(run: RunArgument, options: AuditOptions, shown: Shown) -> None:
    """Measure how many flagged rows, and how many labels, are really wrong.

    Draws a sample, half of it at random and half from what is suspected, lets you mark it blind (no
    label and no suggestion is shown), and says what follows, with 90 % intervals. What you mark is
    final like every decision, and the verdicts of RUN are computed anew with it.
    """
    from noisefix.auditing.audit import audit as run_audit
    from noisefix.cli.audit_summary import show_audit
    from noisefix.cli.desk import open_desk
    from noisefix.cli.messages import tell_and_show

    has_terminal = sys.stdin.isatty() and sys.stderr.isatty()
    result = run_audit(run, options=options, open_desk=open_desk if has_terminal else None)
    tell_and_show(result, shown, show_audit, result.notes)
