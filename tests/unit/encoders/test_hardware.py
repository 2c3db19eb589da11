import pytest
import torch

from noisefix.encoders import hardware
from noisefix.errors import ModelError, UsageError


def test_auto_precision_follows_the_device(monkeypatch):
    monkeypatch.setattr(hardware, "has_native_bf16", lambda: True)
    assert hardware.choose_precision("auto", "cpu") == "bf16"
    assert hardware.choose_precision("auto", "mps") == "fp32"
    monkeypatch.setattr(hardware, "has_native_bf16", lambda: False)
    assert hardware.choose_precision("auto", "cpu") == "fp32"
    for capability, expected in (((7, 5), "fp32"), ((8, 0), "bf16"), ((9, 0), "bf16")):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, c=capability: c)
        assert hardware.choose_precision("auto", "cuda:0") == expected


def test_a_precision_asked_for_is_used():
    assert hardware.choose_precision("bf16", "cpu") == "bf16"
    assert hardware.choose_precision("fp32", "cuda") == "fp32"
    with pytest.raises(UsageError, match="precision 'fp16' is unknown"):
        hardware.choose_precision("fp16", "cpu")


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert hardware.choose_device("auto") == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert hardware.choose_device("auto") == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert hardware.choose_device("auto") == "cuda"


def test_a_device_that_is_not_there_is_a_model_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert hardware.choose_device("cuda:0") == "cuda:0"
    for wanted in ("cuda:1", "cuda:7"):
        with pytest.raises(ModelError, match=f"device {wanted}") as caught:
            hardware.choose_device(wanted)
        assert "--device cpu" in caught.value.hint
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ModelError, match="device cuda"):
        hardware.choose_device("cuda")


@pytest.mark.parametrize("wanted", ["gpu", "cuda:x", "tpu:0"])
def test_an_unknown_kind_of_device_is_a_usage_error(wanted):
    with pytest.raises(UsageError, match="is unknown"):
        hardware.choose_device(wanted)
