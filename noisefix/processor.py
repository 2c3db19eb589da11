"""What the processor can do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


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
