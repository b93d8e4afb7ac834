"""Arrays and dataclasses through JSON, bit for bit, and nothing else ever made."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from cssim.ensembles.packing import digest, pack, unpack
from cssim.errors import BadInput


@dataclass(frozen=True, eq=False)
class Inner:
    rows: np.ndarray


@dataclass(frozen=True, eq=False)
class Outer:
    inner: Inner
    name: str
    size: float


TYPES = {"Inner": Inner, "Outer": Outer}


def through_json(value):
    return unpack(json.loads(json.dumps(pack(value))), TYPES)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
def test_arrays_come_back_bit_for_bit_and_can_be_written_to(dtype):
    rows = (np.random.default_rng(0).normal(size=(3, 0, 2)) * 5).astype(dtype)
    full = (np.random.default_rng(0).normal(size=(3, 4, 2)) * 5).astype(dtype)
    for array in (rows, full, full.T, full.astype(full.dtype.newbyteorder(">"))):
        found = through_json(Outer(Inner(array), "x", 1 / 3))
        assert found.inner.rows.dtype == np.dtype(dtype)
        assert np.array_equal(found.inner.rows, array)
        assert found.inner.rows.flags.writeable
        assert (found.name, found.size) == ("x", 1 / 3)


def test_a_digest_tells_values_apart():
    values = [Inner(np.zeros(2)), Inner(np.zeros(3)), Inner(np.ones(2)), Inner(np.zeros(2, int))]
    assert len({digest(pack(v)) for v in values}) == 4
    assert digest(pack(values[0])) == digest(json.loads(json.dumps(pack(Inner(np.zeros(2))))))
    assert digest([1, 2]) != digest([12])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "os.system"}, "expected one of Inner, Outer"),
        ({"more": 1}, "not a whole Inner"),
        ({"rows": {"dtype": "object", "shape": [1], "base64": "AAAA"}}, "damaged"),
        ({"rows": {"dtype": "int64", "shape": [9], "base64": "AAAA"}}, "damaged"),
        ({"rows": {"dtype": "int64", "base64": "AAAA"}}, "damaged"),
        ({"rows": {"dtype": "int64", "shape": [1], "base64": "?"}}, "damaged"),
    ],
)
def test_nonsense_is_refused(change, message):
    with pytest.raises(BadInput, match=message):
        unpack({**pack(Inner(np.zeros(1))), **change}, TYPES)


def test_an_array_of_objects_is_not_stored():
    with pytest.raises(BadInput, match="can be stored"):
        pack(np.array([None]))
