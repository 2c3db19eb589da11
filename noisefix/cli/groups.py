"""What ``--help`` and docs/cli.md show together: commands, options and examples.

The one place that knows the groups. A new command is a name in ``COMMAND_GROUPS`` and two lines in
``EXAMPLES``; an option that is named in no group is an advanced one.
"""

from __future__ import annotations

COMMAND_GROUPS = {
    "Find": ("detect",),
    "Look": ("report", "review", "audit", "evaluate", "calibrate"),
    "Repair": ("relabel", "apply"),
    "Guard": ("check", "init"),
    "Train": ("train", "predict", "augment"),
    "All": ("recipe",),
    "Parts": ("embed", "joint", "candidates", "noise"),
}
"""Every command, in the order in which they are listed."""

_REST = "Advanced"
_NAMES = {
    "Usual": "output open name port terminal encoder labelled-by top flag-precision flag-top"
    " strategy rewrites dry-run diff revert format only-flagged bom review-csv review rows csv from"
    " fill-unlabelled drop-outside drop-mismatched max-noise-rate max-issues max-new-issues"
    " baseline write-baseline show output-format github max-drift max-leaks max-mismatched junit"
    " method features epochs valid recipe steps set explain compare seeds test truth truth-column"
    " rank-stability predictions pairs proba kind rate matrix"
    " quiet json config no-config help version install-completion show-completion",
    "Input": "text-column label-column id-column missing-labels label-map merge-case multi-label"
    " label-columns labels trusted-column not-column annotator-columns annotations order-column"
    " group-column pair-columns data embeddings pred-probs class-shares unverified-class one-sided"
    " ordinal against bad-rows",
    "Annotator": "annotator rewrite model base-url api-key-env vllm-config votes pool allow-not"
    " knowledge paraphrase template demonstrations reviewer concurrency timeout max-output-tokens"
    " system-role logprobs export-batch import-batch batch-lost",
    "Budget": "max-rows share probe order max-cost-usd price-in price-out max-tokens-total",
}
_GROUP_OF = {f"--{name}": group for group, names in _NAMES.items() for name in names.split()}

OPTION_GROUPS = (*_NAMES, _REST)
"""The groups of options, in the order in which they are shown."""


def option_group(flag: str) -> str:
    """Return the group of an option, by its long name with dashes: ``--max-rows``."""
    return _GROUP_OF.get(flag, _REST)


Example = tuple[str, str]
"""What a command is for, and the command."""

EXAMPLES: dict[str, tuple[Example, Example]] = {
    "noisefix": (
        ("which labels look wrong, and why", "noisefix detect data.csv"),
        ("write the table with the verdicts", "noisefix apply data.noisefix -o flagged.csv"),
    ),
    "detect": (
        ("which labels look wrong, and why", "noisefix detect data.csv"),
        ("labels made by people", "noisefix detect data.csv --labelled-by people --top 20"),
    ),
    "report": (
        ("look at a run, and decide", "noisefix report data.noisefix -o report.html"),
        ("with what others said", "noisefix report run -o r.html --decisions decisions.jsonl"),
    ),
    "review": (
        ("decide in the browser, alone or not", "noisefix review data.noisefix --open"),
        ("under your name", "noisefix review data.noisefix --name ann"),
    ),
    "audit": (
        ("mark 30 rows, and know how good", "noisefix audit data.noisefix"),
        ("in a spreadsheet program", "noisefix audit data.noisefix --csv sample.csv"),
    ),
    "evaluate": (
        ("a run, where the input has a truth", "noisefix evaluate data.noisefix --truth gold"),
        (
            "which model is really best",
            "noisefix evaluate RUN a.csv b.csv --rank-stability",
        ),
    ),
    "calibrate": (
        ("how good an LLM labels", "noisefix calibrate data.csv --truth-column human"),
        ("is it worse now", "noisefix calibrate d.csv --baseline b.json --max-drift 0.1"),
    ),
    "relabel": (
        ("what it would take; nobody is asked", "noisefix relabel data.noisefix --dry-run"),
        ("look at the rows yourself", "noisefix relabel data.noisefix --annotator human"),
    ),
    "apply": (
        ("see the changes first", "noisefix apply data.noisefix --strategy relabel --dry-run"),
        ("leave flagged rows out", "noisefix apply data.noisefix --strategy drop -o kept.csv"),
    ),
    "check": (
        ("fail above 5 % wrong labels", "noisefix check data.csv --max-noise-rate 0.05"),
        ("annotate a pull request", "noisefix check data.csv --max-issues 20 --github"),
    ),
    "init": (
        ("options and a gate, written down", "noisefix init data.csv"),
        ("people labelled", "noisefix init data.csv --labelled-by people"),
    ),
    "train": (
        ("train on a run", "noisefix train data.noisefix -o model"),
        ("which method helps", "noisefix train data.csv --compare ce,repair --test t.csv"),
    ),
    "predict": (
        ("a label for every row", "noisefix predict model new.csv -o predictions.csv"),
        ("and all probabilities", "noisefix predict model new.csv -o out.parquet --proba"),
    ),
    "augment": (
        ("what it would take", "noisefix augment data.noisefix --pairs --dry-run"),
        ("pairs that differ in little", "noisefix augment data.noisefix --pairs --model m"),
    ),
    "recipe": (
        ("all of it, with the usual steps", "noisefix recipe data.csv -o all"),
        ("your steps, as a shell script", "noisefix recipe d.csv -o all --recipe r.toml --explain"),
    ),
    "embed": (
        ("begin a run folder", "noisefix embed data.csv -o run"),
        ("without a model to download", "noisefix embed data.csv -o e.parquet --encoder tfidf"),
    ),
    "joint": (
        ("judge the labels of a run", "noisefix joint run"),
        ("people labelled", "noisefix joint e.parquet -o run --labelled-by people"),
    ),
    "candidates": (
        ("plausible labels of a run", "noisefix candidates run"),
        ("in a script", "noisefix candidates e.parquet i.parquet -o c.parquet -q"),
    ),
    "noise": (
        ("spoil one label in five", "noisefix noise clean.csv -o noisy.csv --rate 0.2"),
        ("where texts are near", "noisefix noise clean.csv -o noisy.csv --kind instance"),
    ),
}
"""Two for each command; short, for a terminal of 60 columns."""
