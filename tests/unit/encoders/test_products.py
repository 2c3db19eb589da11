import pytest
import torch

from noisefix.encoders import products


@pytest.mark.parametrize("gelu", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_products_are_linear_layers(dtype, gelu):
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(48, 32, generator=generator).to(dtype)
    bias = torch.randn(48, generator=generator).to(dtype)
    x = torch.randn(70, 32, generator=generator).to(dtype)
    found = products.make_product(weight, bias, gelu=gelu)(x)
    expected = x.double() @ weight.double().T + bias.double()
    if gelu:
        expected = expected * (1 + torch.erf(expected / 2**0.5)) / 2
    assert found.dtype == dtype
    assert float((found - expected).abs().max()) < (1e-4 if dtype == torch.float32 else 0.1)


def test_a_torch_without_the_operator_goes_the_plain_way(monkeypatch):
    class Missing:
        def __getattr__(self, name):
            raise AttributeError(name)

    monkeypatch.setattr(torch.ops, "mkldnn", Missing())
    weight, bias, x = torch.eye(3) * 2, torch.ones(3), torch.arange(6.0).view(2, 3)
    assert torch.equal(products.make_product(weight, bias)(x), 2 * x + 1)
    found = products.make_product(weight, bias, gelu=True)(x)
    assert torch.equal(found, torch.nn.functional.gelu(2 * x + 1))


def test_an_operator_that_errs_is_not_used(monkeypatch):
    class Wrong:
        @staticmethod
        def _reorder_linear_weight(weight, batch):
            return weight

        @staticmethod
        def _linear_pointwise(x, weight, bias, *_):
            return x @ weight.T  # forgets the bias

    monkeypatch.setattr(torch.ops, "mkldnn", Wrong())
    weight, bias, x = torch.eye(3), torch.ones(3), torch.arange(6.0).view(2, 3)
    assert torch.equal(products.make_product(weight, bias)(x), x + 1)
