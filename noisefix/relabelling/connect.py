"""The annotator that a name stands for: a server, a model on this machine, a column, a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from noisefix.annotators.protocol import Annotator
from noisefix.errors import UsageError
from noisefix.relabelling.options import ServerOptions

if TYPE_CHECKING:
    from noisefix.annotators.human import Desk
    from noisefix.annotators.local import LocalAnnotator
    from noisefix.annotators.openai_client import OpenAIAnnotator
    from noisefix.annotators.vllm import VllmAnnotator
    from noisefix.relabelling.plan import RelabelPlan
    from noisefix.run.folder import RunFolder

OpenDesk = Callable[[int], "AbstractContextManager[Desk]"]
"""Opens a place where a person looks at so many rows."""


def connect(
    who: str | Annotator,
    folder: RunFolder,
    class_names: tuple[str, ...],
    options: ServerOptions,
    *,
    device: str,
    seed: int,
) -> Annotator:
    """Return the annotator that ``--annotator`` names; one that is there already stays.

    Args:
        who: "openai", "local:PATH", "vllm:PATH" or "column:NAME", or an annotator.
        folder: the run folder, for column.
        class_names: every class of the run, for column.
        options: the server and the model, for openai.
        device: for local.
        seed: sampling seed, for openai.

    Raises:
        UsageError: nobody is called that, or something needed is missing.
        DataError: the column is not there.
        ModelError: the local model cannot be loaded.
    """
    if not isinstance(who, str):
        return who
    kind, _, name = who.partition(":")
    if kind == "column" and name:
        from noisefix.relabelling.annotator_inputs import column_annotator

        return column_annotator(folder, class_names, name)
    if kind == "local" and name:
        _check_texts(folder, who)
        return _local(name, device)
    if kind == "vllm" and name:
        _check_texts(folder, who)
        return _vllm(name, options, seed)
    if who == "openai":
        _check_texts(folder, who)
        return _openai(options, seed)
    if who == "human":
        raise UsageError(
            "a person cannot be asked in the middle of a training",
            "ask with noisefix relabel RUN --annotator human, then train: --method repair takes "
            "the repaired labels",
        )
    raise _unknown(who)


def _unknown(who: str) -> UsageError:
    return UsageError(
        f"--annotator {who!r} is unknown",
        "choose openai, local:PATH, vllm:PATH, column:NAME (or human, for relabel)",
    )


def _check_texts(folder: RunFolder, who: str) -> None:
    from noisefix.run.rows import run_has_texts

    if not run_has_texts(folder):
        raise UsageError(
            f"--annotator {who}: reads texts, and the rows of {folder.path} have none",
            "ask a person (human) or a column (column:NAME); or name the texts beside the vectors: "
            "noisefix detect --text-column NAME --embeddings FILE",
        )


def connect_person(
    stack: ExitStack, plan: RelabelPlan, open_desk: OpenDesk | None, reviewer: str
) -> Annotator:
    """Return a person who is asked what is planned.

    Args:
        stack: closes the desk.
        plan: what is to be asked.
        open_desk: the desk; None: there is none.
        reviewer: who it is.

    Raises:
        UsageError: there is no desk, or no terminal for it.
    """
    if open_desk is None:
        raise UsageError(
            "a person is asked at a terminal", "run noisefix relabel RUN --annotator human"
        )
    from noisefix.annotators.human import HumanAnnotator
    from noisefix.relabelling.annotator_inputs import facts_of

    desk = stack.enter_context(open_desk(len(plan.asked)))
    return HumanAnnotator(desk, facts_of(plan), plan.rows.class_names, reviewer)


@contextmanager
def connect_distributed(plan: RelabelPlan) -> Iterator[Annotator]:
    """Yield the annotator that the options name, asked through a Ray cluster.

    Raises:
        UsageError: nobody is called that, something needed is missing, or there is no cluster.
        ModelError: the local model cannot be loaded, or differs between machines.
    """
    from noisefix.cluster.choose import cluster

    options, who = plan.options, str(plan.options.annotator)
    name = who.removeprefix("local:")
    if not (who == "openai" or (name and name != who)):
        raise _unknown(who)
    _check_texts(plan.folder, who)
    server = _openai(options, options.seed) if who == "openai" else None  # before the cluster
    with cluster(options):
        from noisefix.relabelling.distributed import over_models, over_servers

        hosts = over_models(name, options.device) if server is None else over_servers(server)
        with hosts as annotator:
            yield annotator


def _local(name: str, device: str) -> LocalAnnotator:
    from noisefix.annotators.local import LocalAnnotator
    from noisefix.annotators.local_model import load_local_model

    return LocalAnnotator(load_local_model(name, device))


def connection_note(annotator: Annotator) -> tuple[str, ...]:
    """Say what makes a local model slower than it could be."""
    from noisefix.annotators.local import LocalAnnotator
    from noisefix.relabelling.distributed import DistributedAnnotator

    if not isinstance(annotator, LocalAnnotator | DistributedAnnotator) or annotator.shares_prefix:
        return ()
    return (
        f"{annotator.identity.model} keeps more of a prompt than keys and values, so it reads the "
        "prompt again for each label: slower, the same answers",
    )


def _openai(options: ServerOptions, seed: int) -> OpenAIAnnotator:
    from noisefix.annotators.openai_client import OpenAIAnnotator

    if options.model is None:
        raise UsageError(
            "no model is named",
            "name one with --model, or choose another --annotator: local:PATH, vllm:PATH,"
            " column:NAME (or human, for relabel)",
        )
    return OpenAIAnnotator(
        options.model,
        base_url=options.base_url,
        api_key_env=options.api_key_env,
        **_asking(options, seed),
    )


def _vllm(name: str, options: ServerOptions, seed: int) -> VllmAnnotator:
    from noisefix.annotators.vllm import VllmAnnotator

    for flag, value in (("--model", options.model), ("--base-url", options.base_url)):
        if value is not None:
            raise UsageError(
                f"--annotator vllm:{name}: starts a server of its own, and {flag} names another",
                f"leave {flag} out, or take --annotator openai",
            )
    return VllmAnnotator(name, config=options.vllm_config, **_asking(options, seed))


def _asking(options: ServerOptions, seed: int) -> dict[str, Any]:
    """Return how a server is asked, whichever it is."""
    from noisefix.annotators.retry import RetryPolicy

    tokens = options.max_output_tokens
    return {
        "concurrency": options.concurrency,
        "seed": seed,
        "max_output_tokens": "auto" if tokens == "auto" else int(tokens),
        "system_role": options.system_role,
        "logprobs": options.logprobs,
        "policy": RetryPolicy(timeout_s=options.timeout),
    }
