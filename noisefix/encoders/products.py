"""Matrix products of a layer, by the fastest way the processor has.

On a CPU torch hands fp32 products to MKL, which on AMD processors reaches half the speed of oneDNN;
oneDNN takes them through operators that torch's own compiler uses. Their names are private and may
go: then torch's public product is taken, and tests/test_private_names.py says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

Product = Callable[["torch.Tensor"], "torch.Tensor"]
_MAX_ERROR = {"torch.float32": 1e-4, "torch.bfloat16": 0.05}


def make_product(weight: torch.Tensor, bias: torch.Tensor, *, gelu: bool = False) -> Product:
    """Return a function from (T, I) to (T, O): ``x @ weight.T + bias``.

    Args:
        weight: (O, I).
        bias: (O,), in the same precision.
        gelu: the Gaussian error linear unit of it; oneDNN does that on the way, without writing
            the product to memory and reading it again.
    """
    from torch.nn import functional

    def plain(x: torch.Tensor) -> torch.Tensor:
        product = functional.linear(x, weight, bias)
        return functional.gelu(product) if gelu else product

    if weight.device.type != "cpu":
        return plain
    return _onednn(weight, bias, plain, gelu) or plain


def _onednn(weight: torch.Tensor, bias: torch.Tensor, plain: Product, gelu: bool) -> Product | None:
    """Return the product through oneDNN if this torch has it and it agrees with ``plain``."""
    import torch

    # What comes after the product, and by which formula: "none" is the exact one.
    after: tuple[str, list[float], str] = ("gelu", [], "none") if gelu else ("none", [], "")
    try:
        reorder = torch.ops.mkldnn._reorder_linear_weight
        linear = torch.ops.mkldnn._linear_pointwise
        packed = reorder(weight.contiguous(), None)

        def product(x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = linear(x, packed, bias, *after)
            return result

        with torch.inference_mode():
            x = torch.linspace(-1, 1, 3 * weight.shape[1]).view(3, -1).to(weight.dtype)
            error = float((product(x) - plain(x)).abs().max() / plain(x).abs().max())
    except (AttributeError, RuntimeError, NotImplementedError):
        return None
    return product if error <= _MAX_ERROR[str(weight.dtype)] else None
