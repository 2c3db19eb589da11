"""An encoder as a worker gets it: what it is, to be loaded there, or the encoder itself."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

from noisefix.encoders.find import TFIDF, EncoderFiles, find_encoder
from noisefix.encoders.protocol import Encoder
from noisefix.errors import ModelError


class EncoderSource(Protocol):
    """Where a worker has its encoder from; can be pickled."""

    @property
    def is_fitted(self) -> bool:
        """Say whether it must be fitted to texts first, which is done in one place."""

    @property
    def on_gpu(self) -> bool:
        """Say whether it would use a card where there is one."""

    def open(self) -> Encoder:
        """Return the encoder."""


@dataclass(frozen=True)
class Loaded:
    """An encoder that is there already."""

    encoder: Encoder

    @property
    def is_fitted(self) -> bool:
        """As the encoder says."""
        return self.encoder.is_fitted

    @property
    def on_gpu(self) -> bool:
        """As the encoder says."""
        return not self.encoder.device.startswith("cpu")

    def open(self) -> Encoder:
        """Return it."""
        return self.encoder


@dataclass(frozen=True)
class Named:
    """An encoder that each process loads once: arguments as for ``open_encoder``."""

    files: EncoderFiles
    device: str
    precision: str
    seed: int

    @property
    def is_fitted(self) -> bool:
        """Only tfidf is."""
        return self.files.name == TFIDF

    @property
    def on_gpu(self) -> bool:
        """All but tfidf would."""
        return self.device != "cpu" and not self.is_fitted

    def open(self) -> Encoder:
        """Return the encoder of this process.

        Raises:
            ModelError: it cannot be loaded; this machine has other files under that name.
        """
        return _opened(self)

    def release(self) -> None:
        """Let go of what this process has loaded."""
        _opened.cache_clear()


@dataclass(frozen=True)
class EncoderFacts:
    """What an encoder says of itself; see ``Encoder``."""

    name: str
    dimension: int
    max_tokens: int | None
    precision: str
    device: str
    fingerprint: str


def describe(source: EncoderSource) -> EncoderFacts:
    """Load an encoder and return what it says of itself."""
    encoder = source.open()
    return EncoderFacts(
        encoder.name,
        encoder.dimension,
        encoder.max_tokens,
        encoder.precision,
        encoder.device,
        encoder.fingerprint,
    )


@lru_cache(maxsize=1)
def _opened(named: Named) -> Encoder:
    from noisefix.encoders.load import open_encoder

    files = named.files
    if files.folder is not None and not files.folder.is_dir():  # on another machine
        found = find_encoder(files.name)
        if found.sha256 != files.sha256:
            raise ModelError(
                f"encoder {files.name}: the files on {platform.node()} are not those of the "
                "machine that noisefix was started on",
                "name a folder that all machines share with --encoder",
            )
        files = replace(files, folder=found.folder)
    return open_encoder(files, device=named.device, precision=named.precision, seed=named.seed)
