import pytest
import torch

from cssim.embeddings.device import (
    bfloat16_gain,
    choose_device,
    choose_precision,
    computes_bfloat16,
)
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


@pytest.mark.parametrize(("able", "gain", "family", "expected"), [
    (True, 5.0, "vit", torch.bfloat16),
    (True, 5.0, "clip", torch.bfloat16),
    (True, 5.0, "cnn", torch.float32),
    (True, 0.5, "vit", torch.float32),
    (False, 5.0, "vit", torch.float32),
])  # fmt: skip
def test_auto_takes_bfloat16_for_transformers_where_the_hardware_gains_by_it(
    able, gain, family, expected, monkeypatch
):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": able})
    monkeypatch.setattr("cssim.embeddings.device.bfloat16_gain", lambda: gain)
    assert computes_bfloat16(CPU) is (able and gain > 1)
    assert choose_precision("auto", CPU, family) is expected


def test_the_gain_of_bfloat16_is_the_ratio_of_the_best_rounds(monkeypatch):
    takes = {torch.float32: iter([9, 4, 5] + [9] * 7), torch.bfloat16: iter([8, 3, 2] + [8] * 7)}
    clock = [0.0]

    def multiply(rows, weights):
        assert rows.dtype == weights.dtype
        clock[0] += next(takes[rows.dtype])

    monkeypatch.setattr("torch.nn.functional.linear", multiply)
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    bfloat16_gain.cache_clear()
    assert bfloat16_gain() == 4 / 2
    bfloat16_gain.cache_clear()


def test_what_is_asked_for_is_taken():
    assert choose_precision("bfloat16", CPU, "cnn") is torch.bfloat16
    assert choose_precision("float32", CPU, "vit") is torch.float32
    with pytest.raises(BadInput, match="int4"):
        choose_precision("int4", CPU, "vit")
