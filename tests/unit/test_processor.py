import pytest
import torch

from noisefix import processor


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
    assert processor.has_native_bf16(path) is expected


def test_without_cpuinfo_torch_is_asked(tmp_path, monkeypatch):
    missing = tmp_path / "missing"
    for answer in (True, False):
        found = {"avx2": True, "avx512_bf16": False, "amx_bf16": answer}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda f=found: f, raising=False)
        assert processor.has_native_bf16(missing) is answer


def test_a_torch_that_cannot_tell_means_fp32(tmp_path, monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert processor.has_native_bf16(tmp_path / "missing") is False
