"""Which code made a number: the version, and a digest of the sources that numbers depend on.

A version stands for many states while somebody works on it; the digest tells them apart. It is of
the bytes of all files that turn images and answers into results, in the order of their names, and
the same on every machine.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import cssim

SOURCES = (
    "types.py",
    "triples.py",
    "images.py",
    "pixels.py",
    "colour.py",
    "embeddings",
    "training",
    "ensembles",
    "evaluation",
    "services/agreeing.py",
    "services/asked.py",
    "services/building.py",
    "services/chosen.py",
    "services/comparing.py",
    "services/crossing.py",
    "services/estimating.py",
    "services/inspecting_run.py",
    "services/inspection_layout.py",
    "services/leaks.py",
    "services/regime_curves.py",
    "services/regime_data.py",
    "services/regime_gathering.py",
    "services/regime_heads.py",
    "services/regime_result.py",
    "services/regime_runs.py",
    "services/row_distances.py",
    "services/dissecting.py",
    "services/encoding.py",
    "services/analysing.py",
    "services/runners.py",
    "services/truth.py",
    "services/validating.py",
)
"""Files and folders of the package; how results are drawn and stored is left out."""


def code_fingerprint() -> str:
    """Such as `0.1.0+3f9a51c2d7e0`: version, and 12 hexadecimal digits of the sources."""
    return f"{cssim.__version__}+{source_digest(Path(cssim.__file__).parent)}"


@cache
def source_digest(package: Path) -> str:
    """12 hexadecimal digits that change with any byte of `SOURCES` in a package's folder.

    Line ends do not count: a checkout may rewrite them.
    """
    digest = hashlib.sha256()
    for name in SOURCES:
        path = package / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            content = file.read_bytes().replace(b"\r\n", b"\n")
            digest.update(f"{file.relative_to(package).as_posix()} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()[:12]
