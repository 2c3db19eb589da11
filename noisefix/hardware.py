"""What this machine can do: devices, bf16, and what to do when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from noisefix.errors import ModelError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import torch

T = TypeVar("T")

PRECISIONS = ("auto", "fp32", "bf16")
_FIRST_BF16_GPU = (8, 0)
"""Compute capability of the first NVIDIA generation (Ampere) with bf16 matrix units."""

_OUT_OF_MEMORY = (
    "out of memory",  # CUDA, MPS
    "not enough memory",  # torch on Windows
    "can't allocate memory",  # torch on a CPU
    "cannot allocate memory",  # the system
    "bad_alloc",  # C++
    "can't start new thread",  # Python, where there is no room for its stack
)


class BatchTooLargeError(Exception):
    """A batch did not fit into memory; a smaller one may."""


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


def cards(device: str) -> list[str]:
    """Return the devices that a device's name stands for: "cuda" is every GPU that there is."""
    n_cards = n_gpus() if device == "cuda" else 1
    return [f"cuda:{index}" for index in range(n_cards)] if n_cards > 1 else [device]


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


def has_native_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Say whether the CPU multiplies bf16 matrices natively (AMX or AVX512-BF16; bf16 on Arm)."""
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        return _torch_says_bf16()
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip().lower() in ("flags", "features"):
            return not {"amx_bf16", "avx512_bf16", "bf16"}.isdisjoint(value.split())
    return False


def _torch_says_bf16() -> bool:
    """Ask torch, where there is no /proc/cpuinfo; one that cannot tell computes in fp32."""
    import torch

    capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16"))


def autocast(device: str, precision: str) -> AbstractContextManager[Any]:
    """Return a context in which torch multiplies in a precision, "fp32" or "bf16"."""
    import torch

    if precision != "bf16":
        return nullcontext()
    return torch.autocast(device.partition(":")[0], torch.bfloat16)


def steady_attention(device: str) -> AbstractContextManager[Any]:
    """Return a context in which a GPU attends by kernels that take any shape as it comes.

    Among those that torch may choose for bf16 are cuDNN's, which are planned anew for every shape;
    and texts bring a new shape with every batch.
    """
    if not device.startswith("cuda"):
        return nullcontext()
    from torch.nn.attention import SDPBackend, sdpa_kernel

    return sdpa_kernel(
        [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
    )


def send(values: np.ndarray | torch.Tensor, device: str) -> torch.Tensor:
    """Return values as a tensor on a device; a GPU fetches them while this process goes on."""
    import torch

    tensor = torch.as_tensor(values)
    if device.startswith("cuda") and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def fetch(tensor: torch.Tensor) -> Callable[[], np.ndarray]:
    """Have a tensor brought from its device; what is returned waits for it, and returns it."""
    import torch

    def now() -> np.ndarray:
        found: np.ndarray = tensor.cpu().numpy()
        return found

    if tensor.device.type != "cuda":
        return now
    copy = tensor.to("cpu", non_blocking=True)
    is_there = torch.cuda.Event()  # type: ignore[no-untyped-call]
    is_there.record(torch.cuda.current_stream(tensor.device))

    def later() -> np.ndarray:
        is_there.synchronize()
        found: np.ndarray = copy.numpy()
        return found

    return later


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether memory ran out, a device's or the machine's: less work at once may fit.

    NumPy's and Arrow's errors are MemoryErrors; torch's are RuntimeErrors, told by their words.
    """
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, (RuntimeError, OSError)):
        return False
    words = str(error).lower()
    return any(saying in words for saying in _OUT_OF_MEMORY)


def run_in_memory(device: str, run: Callable[[], T]) -> T:
    """Return what ``run`` returns; where memory runs out, give back what torch keeps of it.

    Raises:
        BatchTooLargeError: memory ran out.
    """
    try:
        return run()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    # Out of the handler, so that the error no longer holds the tensors of its frames.
    free_memory(device)
    raise BatchTooLargeError


def free_memory(device: torch.device | str) -> None:
    """Give back what torch keeps of a GPU's memory."""
    import torch

    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.empty_cache()
    elif kind == "mps":
        torch.mps.empty_cache()
