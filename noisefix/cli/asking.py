"""Set up whoever is to be asked, from what was typed; draw how the asking goes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from noisefix.cli.messages import tell
from noisefix.errors import UsageError

if TYPE_CHECKING:
    from noisefix.annotators.progress import AskProgress
    from noisefix.annotators.protocol import Annotator
    from noisefix.classifiers.training_questions import AskingReport
    from noisefix.cli.terminal import Screen
    from noisefix.relabelling.plan import RelabelPlan
    from noisefix.run.folder import RunFolder


def connect(
    stack: ExitStack,
    who: str,
    folder: RunFolder,
    class_names: tuple[str, ...],
    *,
    model: str | None,
    base_url: str | None,
    api_key_env: str,
    concurrency: int,
    timeout_s: float,
    max_output_tokens: str,
    system_role: str,
    logprobs: str,
    device: str,
    seed: int,
    plan: RelabelPlan | None = None,
    reviewer: str = "",
) -> Annotator:
    """Return the annotator that ``--annotator`` names.

    Args:
        stack: closes what is opened.
        who: "openai", "local:PATH", "column:NAME" or "human".
        folder: the run folder, for column.
        class_names: every class of the run.
        model: model name, for openai.
        base_url: server address, for openai.
        api_key_env: environment variable with the key, for openai.
        concurrency: most requests at a time, for openai.
        timeout_s: most seconds for a request, for openai.
        max_output_tokens: "auto" or a number, for openai.
        system_role: "auto" or "user", for openai.
        logprobs: "auto" or "off", for openai.
        device: for local.
        seed: sampling seed, for openai.
        plan: what is to be asked, for human; None: a person cannot be asked here.
        reviewer: who reviews, for human.

    Raises:
        UsageError: nobody is called that, or something needed is missing.
        DataError: the column is not there.
        ModelError: the local model cannot be loaded.
    """
    from noisefix.relabelling.annotator_inputs import column_annotator

    kind, _, name = who.partition(":")
    if kind == "column" and name:
        return column_annotator(folder, class_names, name)
    if kind == "local" and name:
        from noisefix.annotators.local import LocalAnnotator
        from noisefix.annotators.local_model import load_local_model

        annotator = LocalAnnotator(load_local_model(name, device))
        if not annotator.shares_prefix:
            tell(
                [
                    f"{name} keeps more of a prompt than keys and values, so it reads the prompt"
                    " again for each label: slower, the same answers"
                ]
            )
        return annotator
    if who == "human" and plan is not None:
        from noisefix.annotators.human import HumanAnnotator
        from noisefix.cli.review import open_desk
        from noisefix.relabelling.annotator_inputs import facts_of

        desk = stack.enter_context(open_desk(len(plan.asked)))
        return HumanAnnotator(desk, facts_of(plan), class_names, reviewer)
    if who == "openai":
        from noisefix.annotators.openai_client import OpenAIAnnotator
        from noisefix.annotators.retry import RetryPolicy

        if model is None:
            raise UsageError(
                "no model is named",
                "name one with --model, or choose another --annotator: local:PATH, column:NAME"
                + ("" if plan is None else ", human"),
            )
        return OpenAIAnnotator(
            model,
            base_url=base_url,
            api_key_env=api_key_env,
            concurrency=concurrency,
            seed=seed,
            max_output_tokens="auto" if max_output_tokens == "auto" else int(max_output_tokens),
            system_role="user" if system_role == "user" else "auto",
            logprobs="off" if logprobs == "off" else "auto",
            policy=RetryPolicy(timeout_s=timeout_s),
        )
    if who == "human":
        raise UsageError(
            "a person cannot be asked in the middle of a training",
            "ask with noisefix relabel RUN --annotator human, then train: --method repair takes "
            "the repaired labels",
        )
    others = "" if plan is None else " or human"
    raise UsageError(
        f"--annotator {who!r} is unknown", f"choose openai, local:PATH, column:NAME{others}"
    )


def show_asked(screen: Screen, report: AskingReport) -> None:
    """Show in a line or two what was asked in a training."""
    from noisefix.cli.wording import plural

    said = f"{report.answered:,} of {plural(report.asked, 'row')} asked got a label"
    others = ", ".join(f"{count:,} {kind}" for kind, count in report.other_answers.items())
    stored = f" ({report.reused:,} answers were stored)" if report.reused else ""
    screen.line(said + (f"; {others}" if others else "") + stored)
    for note in report.notes:
        screen.line(note, style="yellow")
    if report.input_tokens or report.cost_usd:
        screen.line(
            f"{report.input_tokens:,} tokens in, {report.output_tokens:,} out"
            + (f", ${report.cost_usd:.4f}" if report.cost_usd else "")
            + "; every answer is stored and will not be paid for again"
        )


@contextmanager
def show_asking(*, quiet: bool) -> Iterator[Callable[[AskProgress], None] | None]:
    """Yield a callback that draws rows, speed, tokens, cost and time left on stderr."""
    if quiet:
        yield None
        return
    from noisefix.cli.messages import tell
    from noisefix.cli.terminal import open_console, say
    from noisefix.cli.wording import format_seconds

    def line(step: AskProgress) -> str:
        parts = [f"{step.done:,}" + ("" if step.total is None else f" of {step.total:,}") + " rows"]
        if step.reused:
            parts.append(f"{step.reused:,} stored")
        if step.failed:
            parts.append(f"{step.failed:,} without an answer")
        if step.requests_per_s:
            parts.append(f"{step.requests_per_s:.1f}/s")
        tokens = step.input_tokens + step.output_tokens
        if tokens:
            parts.append(f"{tokens:,} tokens")
        if step.cost_usd is not None:
            cost = f"${step.cost_usd:.4f}"
            if step.projected_cost_usd is not None:
                cost += f" of about ${step.projected_cost_usd:.4f}"
            parts.append(cost)
        if step.remaining_s is not None:
            parts.append(f"{format_seconds(step.remaining_s)} left")
        return "relabel: " + ", ".join(parts)

    last: list[AskProgress] = []
    if sys.stderr.isatty():
        from rich.live import Live
        from rich.text import Text

        with Live(console=open_console(), refresh_per_second=4) as live:

            def draw(step: AskProgress) -> None:
                last[:] = [step]
                live.update(Text(line(step)))

            yield draw
    else:
        try:
            yield lambda step: last.__setitem__(slice(None), [step])
        finally:
            if last:
                say(line(last[-1]))
    if last:
        tell(last[-1].notes, quiet=quiet)
