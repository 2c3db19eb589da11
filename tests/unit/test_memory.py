import errno
import os

import numpy as np
import pyarrow as pa
import pytest
import torch

from noisefix.memory import is_out_of_memory


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
