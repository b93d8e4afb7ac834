"""Colour profiles and pictures that carry them, made by hand from the numbers of ICC.1:2022."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

D50 = np.array([0.9642, 1.0, 0.8249])
D65 = (0.3127, 0.3290)
SRGB = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE = ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060))
"""xy of the red, green and blue primaries; the white is D65 in all three."""
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def to_xyz(primaries: tuple[tuple[float, float], ...]) -> Floats:
    """(3, 3) from linear RGB to XYZ under D65, by the equations of SMPTE RP 177."""
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
    white = np.array([D65[0] / D65[1], 1.0, (1 - sum(D65)) / D65[1]])
    return np.asarray(columns * np.linalg.solve(columns, white))


def srgb_linear(values: Floats) -> Floats:
    """0..1 as sRGB and Display P3 code them, to shares of light."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def srgb_coded(light: Floats) -> Floats:
    """The other way; light outside of 0..1 is clipped."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def by_matrices(
    values: NDArray[np.uint8], primaries: tuple[tuple[float, float], ...], gamma: float | None
) -> Floats:
    """(..., 3) levels 0..255 in sRGB of (..., 3) levels of another RGB, without any library.

    `gamma` None stands for the curve of sRGB itself.
    """
    shares = np.asarray(values, dtype=np.float64) / 255
    light = srgb_linear(shares) if gamma is None else shares**gamma
    matrix = np.linalg.solve(to_xyz(SRGB), to_xyz(primaries))
    return np.asarray(255 * srgb_coded(light @ matrix.T))


def rgb_profile(
    primaries: tuple[tuple[float, float], ...] = P3, *, gamma: float | None = None
) -> bytes:
    """A display profile of three primaries under D65 and one curve."""
    tags: dict[bytes, bytes] = {b"wtpt": _xyz(D50)}
    for name, column in zip(
        (b"rXYZ", b"gXYZ", b"bXYZ"), _adapted(to_xyz(primaries)).T, strict=True
    ):
        tags[name] = _xyz(column)
    curve = _srgb_curve() if gamma is None else _gamma(gamma)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def grey_profile(gamma: float) -> bytes:
    """A display profile of one channel."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": _xyz(D50), b"kTRC": _gamma(gamma)})


def cmyk_profile(corner: dict[tuple[int, int, int, int], tuple[int, int, int]]) -> bytes:
    """A printer's profile whose 16 corners (C, M, Y, K of 0 or 1) are given in 8-bit Lab."""
    curve = bytes(range(256))
    points = [
        bytes(corner[(c, m, y, k)])
        for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)
    ]  # fmt: skip
    unit = b"".join(struct.pack(">i", round(65536 * v)) for v in np.eye(3).ravel())
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + unit + curve * 4 + b"".join(points) + curve * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": _xyz(D50), b"A2B0": table})


def _adapted(matrix: Floats) -> Floats:
    """Colours under D65 as they look under D50, by Bradford's cones."""
    white = matrix.sum(axis=1)
    cones = np.diag((_BRADFORD @ D50) / (_BRADFORD @ white))
    return np.asarray(np.linalg.solve(_BRADFORD, cones @ _BRADFORD) @ matrix)


def _xyz(values: Floats) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(65536 * v)) for v in values)


def _gamma(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(256 * gamma)) + b"\0\0"


def _srgb_curve() -> bytes:
    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para\0\0\0\0\0\3\0\0" + b"".join(struct.pack(">i", round(65536 * v)) for v in numbers)


def _profile(device: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    place, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        padded = data + b"\0" * (-len(data) % 4)
        table += name + struct.pack(">II", place + len(body), len(data))
        body += padded
    size = place + len(body)
    header = struct.pack(">I4xI", size, 0x02400000) + device + space + connection
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    header += b"".join(struct.pack(">i", round(65536 * v)) for v in D50)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
