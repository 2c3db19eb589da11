"""What it takes to tune an encoder: its files, the rows' texts, options; and where it ends up."""

from __future__ import annotations

import hashlib
import math
import shutil
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.errors import ModelError, UsageError
from noisefix.tables.atomic import write_error
from noisefix.tables.leftovers import make_scratch_folder

if TYPE_CHECKING:
    from torch import Tensor

    from noisefix.encoders.find import EncoderFiles
    from noisefix.encoders.protocol import Encoder
    from noisefix.training.finetune.source import TunedFeatures
    from noisefix.training.interface import State

HEAD_DEFAULTS: dict[str, Any] = {"epochs": 5, "batch_size": 32, "warm_epochs": 1}
"""What the heads' options are when the encoder learns along, where a method has them and they are
not set. An encoder learns in few epochs what a head alone learns in many, wrong labels too."""

METHOD_DEFAULTS: dict[str, dict[str, Any]] = {"coteaching": {"ramp": 2}}
"""The same for options that only one method has."""


@dataclass(frozen=True)
class TuningParams:
    """Options of the encoder's training, beside those of the heads.

    Attributes:
        encoder_rate: Adam's learning rate for the encoder, at its highest; the heads have their
            own. Both rise over the warm-up and then fall by half a cosine.
        max_tokens: tokens read of a text, in training and ever after; None: the encoder's own.
        token_budget: tokens in a micro-batch, padding included; None: by device. It changes speed
            and memory, not what is learned (dropout aside).
        precision: "auto" (bf16 where the hardware multiplies in it), "fp32" or "bf16".
        token_noise: standard deviation of the normal noise in the words' vectors of a second pass
            over each batch, as a share of theirs; 0 = there is no second pass, and an epoch takes
            half the time.
        noise_agreement: weight of KL(plain || noised), the two passes' predictions.

    Source of the last two: NoiseFiT, arXiv:2504.03302 (known from its abstract), which noises
    layers by their signal and holds both passes to each other. Decisions: the words' vectors alone,
    as they are alike in all encoders; and a fixed share of their spread.
    """

    encoder_rate: float = 1e-4
    max_tokens: int | None = None
    token_budget: int | None = None
    precision: str = "auto"
    token_noise: float = 0.0
    noise_agreement: float = 1.0

    def __post_init__(self) -> None:
        from noisefix.hardware import PRECISIONS

        if not 0 < self.encoder_rate < 1:
            raise UsageError(f"encoder_rate is {self.encoder_rate}", "it must lie in 0 to 1")
        if self.token_budget is not None and self.token_budget < 1:
            raise UsageError(f"token_budget is {self.token_budget}", "it must be at least 1")
        for name in ("token_noise", "noise_agreement"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UsageError(f"{name} is {getattr(self, name)}", "it must be 0 or above")
        if self.precision not in PRECISIONS:
            raise UsageError(
                f"precision {self.precision!r} is unknown", f"choose {', '.join(PRECISIONS)}"
            )


class Tuning:
    """An encoder to be tuned, and after the training the tuned one.

    A method gets it as ``TrainingData.tuning`` and needs to know nothing of it: ``train_heads``
    begins and ends it.

    Attributes:
        files: of the encoder to begin with.
        texts: of the training rows, in the order of the data.
        params: options.
        trusted_texts: of the trusted rows.
    """

    def __init__(
        self,
        files: EncoderFiles,
        texts: Sequence[str],
        params: TuningParams | None = None,
        *,
        trusted_texts: Sequence[str] = (),
    ) -> None:
        if files.folder is None or files.is_static:
            raise UsageError(
                f"encoder {files.name} has no layers to tune",
                "use --features frozen, or another encoder: noisefix detect DATA --encoder NAME",
            )
        self.files, self.texts, self.trusted_texts = files, list(texts), list(trusted_texts)
        self.params = params or TuningParams()
        self._source: TunedFeatures | None = None
        self._home: weakref.finalize[..., Any] | None = None
        self._folder = Path()
        self._weights: State = {}
        self._encoder: Encoder | None = None
        self._device = "cpu"

    def digest(self) -> str:
        """Return a digest of all that the tuned encoder depends on, beside labels and method."""
        found = hashlib.sha256(f"{self.files.sha256} {self.params!r}".encode())
        for text in (*self.texts, "\0", *self.trusted_texts):
            found.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
        return found.hexdigest()

    def start(self, device: str) -> TunedFeatures:
        """Load the encoder as it was before any training.

        Args:
            device: "cpu", "mps", a GPU ("cuda:1"), or "cuda", which is all of them.

        Raises:
            ModelError: it cannot be loaded.
        """
        from noisefix.hardware import cards, choose_precision
        from noisefix.training.finetune.encoder import TrainableEncoder
        from noisefix.training.finetune.source import TunedFeatures

        self.close()
        assert self.files.folder is not None
        params = self.params
        encoder = TrainableEncoder(self.files.folder, device=device, max_tokens=params.max_tokens)
        self._device = device
        self._source = TunedFeatures(
            encoder,
            self.texts,
            learning_rate=params.encoder_rate,
            device=device,
            precision=choose_precision(params.precision, device),
            trusted_texts=self.trusted_texts,
            token_budget=params.token_budget,
            token_noise=params.token_noise,
            agreement=params.noise_agreement,
            more_devices=cards(device)[1:],
        )
        return self._source

    def finish(self, weights: dict[str, Tensor]) -> None:
        """Write the tuned encoder into a folder of its own, which lives as long as this object.

        Args:
            weights: as the source of features names them.

        Raises:
            DataError: it cannot be written.
        """
        if self._source is None:
            raise RuntimeError("the tuning has not been started")
        encoder = self._source.encoder
        encoder.load({name.removeprefix("encoder."): value for name, value in weights.items()})
        self._weights = {name: value.cpu().numpy() for name, value in weights.items()}
        home = make_scratch_folder()
        self._home = weakref.finalize(self, shutil.rmtree, home, ignore_errors=True)
        self._folder = home / "encoder"
        try:
            encoder.save(self.folder)
        except OSError as error:
            raise write_error(error, self.folder) from error
        self._source = None

    def saved(self) -> State:
        """Return the tuned weights, for a checkpoint; {} before the end of the tuning."""
        return self._weights

    def restore(self, weights: State, device: str) -> None:
        """Take up what ``saved`` returned, as if the tuning had just ended."""
        import torch

        self.start(device)
        self.finish({name: torch.from_numpy(value.copy()) for name, value in weights.items()})

    @property
    def folder(self) -> Path:
        """The tuned encoder's folder.

        Raises:
            RuntimeError: nothing has been tuned yet.
        """
        if self._home is None:
            raise RuntimeError("nothing has been tuned yet")
        return self._folder

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N, D) float32 unit vectors by the tuned encoder, as ``predict`` makes them."""
        from noisefix.encoders import find_encoder, open_encoder

        if self._encoder is None:
            self._encoder = open_encoder(find_encoder(str(self.folder)), device=self._device)
        vectors = self._encoder.encode(list(texts))
        if not np.isfinite(vectors).all():
            raise ModelError(
                "the tuned encoder gives NaN or infinity", "lower it: --set encoder_rate=0.00003"
            )
        return vectors

    def close(self) -> None:
        """Forget the tuned encoder, and remove its folder."""
        self._encoder = None
        self._source = None
        self._weights = {}
        if self._home is not None:
            self._home()
            self._home = None
