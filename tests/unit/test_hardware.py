import errno
import os

import numpy as np
import pyarrow as pa
import pytest
import torch

from noisefix import hardware
from noisefix.errors import ModelError, UsageError
from noisefix.hardware import is_out_of_memory


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


@pytest.mark.parametrize(
    ("device", "n_gpus", "expected"),
    [
        ("cuda", 2, ["cuda:0", "cuda:1"]),
        ("cuda", 1, ["cuda"]),
        ("cuda:1", 2, ["cuda:1"]),
        ("cpu", 2, ["cpu"]),
        ("mps", 0, ["mps"]),
    ],
)
def test_cuda_is_all_the_cards_there_are(device, n_gpus, expected, monkeypatch):
    monkeypatch.setattr(hardware, "n_gpus", lambda: n_gpus)
    assert hardware.cards(device) == expected


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu sse2 avx512f avx512_bf16\n", True),
        ("flags\t\t: fpu amx_tile amx_bf16\n", True),
        ("Features\t: fp asimd bf16\n", True),
        ("flags\t\t: fpu sse2 avx2 avx512f avx512_vnni\n", False),
        ("flags\t\t: fpu not_amx_bf16_at_all\n", False),
        ("", False),
    ],
)
def test_native_bf16_is_read_from_the_flags(text, expected, tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    assert hardware.has_native_bf16(path) is expected


def test_without_cpuinfo_torch_is_asked(tmp_path, monkeypatch):
    missing = tmp_path / "missing"
    for answer in (True, False):
        found = {"avx2": True, "avx512_bf16": False, "amx_bf16": answer}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda f=found: f, raising=False)
        assert hardware.has_native_bf16(missing) is answer


def test_a_torch_that_cannot_tell_means_fp32(tmp_path, monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert hardware.has_native_bf16(tmp_path / "missing") is False


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        pa.ArrowMemoryError("malloc of size 80000000000 failed"),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("MPS backend out of memory (4 GiB)"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("can't start new thread"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    ],
)
def test_every_library_is_understood(error):
    assert is_out_of_memory(error)


def test_what_the_libraries_really_raise():
    with pytest.raises(MemoryError) as by_numpy:
        np.ones(1 << 50)
    with pytest.raises(RuntimeError) as by_torch:
        torch.ones(1 << 50)
    with pytest.raises(MemoryError) as by_arrow:
        pa.allocate_buffer(1 << 55)
    assert all(is_out_of_memory(caught.value) for caught in (by_numpy, by_torch, by_arrow))


def test_other_errors_are_not_taken_for_it():
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(ValueError("out of memory"))
    assert not is_out_of_memory(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))


def test_a_gpu_attends_without_kernels_that_are_planned_for_each_shape():
    def allowed():
        return (
            torch.backends.cuda.cudnn_sdp_enabled(),
            torch.backends.cuda.flash_sdp_enabled(),
            torch.backends.cuda.mem_efficient_sdp_enabled(),
            torch.backends.cuda.math_sdp_enabled(),
        )

    before = allowed()
    for device in ("cuda", "cuda:1"):
        with hardware.steady_attention(device):
            assert allowed() == (False, True, True, True)
        assert allowed() == before
    for device in ("cpu", "mps"):
        with hardware.steady_attention(device):
            assert allowed() == before


DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.mark.parametrize("device", DEVICES)
def test_what_is_sent_to_a_device_comes_back(device):
    values = np.arange(12.0, dtype=np.float32).reshape(3, 4)
    for sent in (values, torch.from_numpy(values)):
        tensor = hardware.send(sent, device)
        assert tensor.device.type == device
        waits = [hardware.fetch(tensor * factor) for factor in (1, 2, 3)]
        for factor, wait in enumerate(waits, 1):
            np.testing.assert_array_equal(wait(), factor * values)
