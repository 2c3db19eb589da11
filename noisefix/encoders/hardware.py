"""Where to compute, and how precisely."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noisefix.errors import ModelError, UsageError
from noisefix.processor import has_native_bf16

if TYPE_CHECKING:
    import torch

PRECISIONS = ("auto", "fp32", "bf16")
_FIRST_BF16_GPU = (8, 0)
"""Compute capability of the first NVIDIA generation (Ampere) with bf16 matrix units."""


def choose_device(wanted: str) -> str:
    """Return the device to use.

    Args:
        wanted: "auto" (CUDA, else MPS, else CPU), "cpu", "cuda", "mps", or one GPU, "cuda:1".

    Raises:
        ModelError: this machine has no such device.
        UsageError: no such kind of device.
    """
    import torch

    has_mps = torch.backends.mps.is_available()
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu"
    kind, _, index = wanted.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not index.isdigit()):
        raise UsageError(f"device {wanted!r} is unknown", "choose auto, cpu, cuda or mps")
    n_devices = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(has_mps)}[kind]
    if int(index or 0) >= n_devices:
        raise ModelError(
            f"device {wanted}: torch {torch.__version__} finds no such device on this machine",
            "use --device cpu or --device auto, or install a torch build for the device",
        )
    return wanted


def n_gpus() -> int:
    """Return how many CUDA devices there are."""
    import torch

    return torch.cuda.device_count()


def choose_precision(wanted: str, device: str) -> str:
    """Return "fp32" or "bf16"; "auto" is bf16 where the hardware multiplies in it natively."""
    if wanted not in PRECISIONS:
        raise UsageError(f"precision {wanted!r} is unknown", f"choose {', '.join(PRECISIONS)}")
    if wanted != "auto":
        return wanted
    if device.startswith("cuda"):
        import torch

        return "bf16" if torch.cuda.get_device_capability(device) >= _FIRST_BF16_GPU else "fp32"
    return "bf16" if device == "cpu" and has_native_bf16() else "fp32"


def free_memory(device: torch.device | str) -> None:
    """Give back what torch keeps of a GPU's memory."""
    import torch

    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.empty_cache()
    elif kind == "mps":
        torch.mps.empty_cache()
