"""Every training method and every kind of classifier by name; imported when first used."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from noisefix.errors import UsageError
from noisefix.training.interface import Classifier, Fit


@dataclass(frozen=True)
class MethodSpec:
    """Where a method lives; imported when it is first used.

    Attributes:
        module: module that holds it.
        summary: one line for the help.
        needs: fields of TrainingData that it cannot do without.
        fit: name of its generator function.
        params: name of its frozen dataclass of parameters.
    """

    module: str
    summary: str
    needs: tuple[str, ...] = ()
    fit: str = "fit"
    params: str = "Params"

    def load(self) -> tuple[Fit, type]:
        """Import the method; return its function and its parameters' class."""
        module = import_module(self.module)
        return getattr(module, self.fit), getattr(module, self.params)


_HOME = "noisefix.training.methods"

METHODS: dict[str, MethodSpec] = {
    "ce": MethodSpec(f"{_HOME}.ce", "plain cross-entropy on the given labels"),
    "prune": MethodSpec(f"{_HOME}.prune", "flagged rows count less", ("p_error",)),
    "repair": MethodSpec(f"{_HOME}.repair", "on the repaired labels", ("true_label_probs",)),
    "gce": MethodSpec(f"{_HOME}.gce", "generalised cross-entropy"),
    "sce": MethodSpec(f"{_HOME}.sce", "symmetric cross-entropy"),
    "elr": MethodSpec(f"{_HOME}.elr", "early-learning regularisation"),
    "ldr": MethodSpec(f"{_HOME}.ldr", "ALDR-KL, a temperature for each row"),
    "coteaching": MethodSpec(
        f"{_HOME}.coteaching", "two heads that teach each other", ("noise_rate",)
    ),
    "cpc": MethodSpec(f"{_HOME}.cpc", "a mixture over the losses of each class"),
    "ill": MethodSpec(f"{_HOME}.ill", "EM over candidate labels", ("candidate_weights",)),
    "gaussian": MethodSpec(
        f"{_HOME}.gaussian", "linear discriminant analysis in closed form", ("true_label_probs",)
    ),
    "forward": MethodSpec(
        f"{_HOME}.forward", "given labels through a noise matrix", ("true_label_probs",)
    ),
    "weight": MethodSpec(f"{_HOME}.weight", "rows count by their p_error", ("p_error",)),
    "rcal": MethodSpec(f"{_HOME}.rcal", "rare classes filled up", ("true_label_probs",)),
    "lsa": MethodSpec(f"{_HOME}.lsa", "noisy rows parted by a straight cut"),
    "pu": MethodSpec(f"{_HOME}.pu", "one class means that nobody looked"),
    "smoothap": MethodSpec(
        f"{_HOME}.smoothap", "two classes, ranked by average precision", ("p_error",)
    ),
    "storm": MethodSpec(f"{_HOME}.storm", "learnt weights of rows", ("p_error",)),
    "olr": MethodSpec(f"{_HOME}.olr", "labels give way to what heads come to agree on"),
    "adele": MethodSpec(f"{_HOME}.adele", "classes give way when errors are learnt by heart"),
    "sface": MethodSpec(f"{_HOME}.sface", "rows are pulled and pushed only so far"),
    "opl": MethodSpec(f"{_HOME}.opl", "classes at right angles in the hidden layer"),
    "nested": MethodSpec(f"{_HOME}.nested", "the first directions of the features"),
    "nmtune": MethodSpec(f"{_HOME}.nmtune", "a hidden layer that spreads the features"),
    "erase": MethodSpec(f"{_HOME}.erase", "labels smoothed among neighbours"),
    "twoview": MethodSpec(
        f"{_HOME}.twoview", "embeddings and words weigh each other's rows", ("word_features",)
    ),
    "selfdistil": MethodSpec(
        f"{_HOME}.selfdistil", "towards what detect's probe says", ("pred_probs",)
    ),
    "absorb": MethodSpec(
        f"{_HOME}.absorb", "suspicious rows teach what is thrown away", ("p_error",)
    ),
    "sidyp": MethodSpec(
        f"{_HOME}.sidyp",
        "co-regularised branches, then label diffusion",
        ("p_error", "true_label_probs", "candidate_weights"),
    ),
    "noiseal": MethodSpec(
        f"{_HOME}.noiseal", "two models find the noise, an annotator is asked", ("word_features",)
    ),
}
"""Every method by the name that ``train --method`` takes."""

CLASSIFIERS: dict[str, str] = {
    "head": "noisefix.training.heads:HeadClassifier",
    "sidyp": "noisefix.training.diffusion.classifier:SidypClassifier",
}
"""Where each kind of classifier lives, as "module:class": the model folder names the kind."""


def find_method(name: str) -> MethodSpec:
    """Return a method by its name.

    Raises:
        UsageError: there is none of this name.
    """
    if name not in METHODS:
        raise UsageError(f"--method {name!r} is unknown", f"choose one of {', '.join(METHODS)}")
    return METHODS[name]


def load_classifier_class(kind: str) -> type[Classifier] | None:
    """Return the class of a kind of classifier; None where this version knows no such kind."""
    if kind not in CLASSIFIERS:
        return None
    module, _, name = CLASSIFIERS[kind].partition(":")
    found: type[Classifier] = getattr(import_module(module), name)
    return found
