"""Encoders: texts to unit-length vectors.

``load_encoder`` finds and loads one by name; nothing heavy is imported before that.
"""

from noisefix.encoders.find import DEFAULT_ENCODER, EncoderFiles, find_encoder
from noisefix.encoders.load import load_encoder, open_encoder
from noisefix.encoders.protocol import Embedded, EncodeProgress, Encoder

__all__ = [
    "DEFAULT_ENCODER",
    "Embedded",
    "EncodeProgress",
    "Encoder",
    "EncoderFiles",
    "find_encoder",
    "load_encoder",
    "open_encoder",
]
