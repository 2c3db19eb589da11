"""What the figures were measured on: the processor and versions, nothing that names a user."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    "noisefix",
    "numpy",
    "torch",
    "scikit-learn",
    "sentence-transformers",
    "cleanlab",
)


def describe() -> dict[str, str]:
    """Return processor, memory, versions, and how busy the machine was."""
    from noisefix.hardware import has_native_bf16

    found = {
        "processor": _processor() + (", native bf16" if has_native_bf16() else ""),
        "cores": f"{os.cpu_count()}",
        "memory": _memory(),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }
    for package in _PACKAGES:
        try:
            found[package] = version(package).split("+")[0]
        except PackageNotFoundError:
            continue
    if hasattr(os, "getloadavg"):
        found["load at the start"] = f"{os.getloadavg()[0]:.1f}"
    return found


def in_words(machine: dict[str, str]) -> str:
    """Return one line."""
    versions = ", ".join(f"{p} {machine[p]}" for p in _PACKAGES if p in machine)
    parts = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory']}",
        machine["system"],
        versions,
    ]
    load = machine.get("load at the start")
    return "; ".join(parts) + (f"; load {load} at the start" if load else "")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> str:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return "memory unknown"
    return f"{size / 2**30:.0f} GiB"
