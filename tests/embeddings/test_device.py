import pytest
import torch

from cssim.embeddings.device import choose_device, choose_precision, computes_bfloat16
from cssim.errors import BadInput, Unavailable

CPU = torch.device("cpu")


def test_auto_takes_a_device_that_is_there():
    torch.zeros(1, device=choose_device("auto"))
    assert choose_device("cpu") == CPU


def test_devices_that_are_not_there_or_mean_nothing_are_refused():
    with pytest.raises(Unavailable, match="cuda:99"):
        choose_device("cuda:99")
    with pytest.raises(BadInput, match="got 'toaster'"):
        choose_device("toaster")


@pytest.mark.parametrize(("able", "family", "expected"), [
    (True, "vit", torch.bfloat16),
    (True, "clip", torch.bfloat16),
    (True, "cnn", torch.float32),
    (False, "vit", torch.float32),
])  # fmt: skip
def test_auto_takes_bfloat16_for_transformers_on_hardware_that_computes_in_it(
    able, family, expected, monkeypatch
):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": able})
    assert computes_bfloat16(CPU) is able
    assert choose_precision("auto", CPU, family) is expected


def test_what_is_asked_for_is_taken():
    assert choose_precision("bfloat16", CPU, "cnn") is torch.bfloat16
    assert choose_precision("float32", CPU, "vit") is torch.float32
    with pytest.raises(BadInput, match="int4"):
        choose_precision("int4", CPU, "vit")
