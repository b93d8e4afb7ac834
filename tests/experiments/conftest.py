"""People's answers about ten drawn pictures, as a folder."""

from pathlib import Path

import pytest

from tests.embeddings.small_models import pictures

PICTURES = 10
NAMES = [f"scenes/{number:02}.png" for number in range(PICTURES)]


@pytest.fixture(scope="package")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five references; three voters say that the picture with the lower number is closer."""
    folder = tmp_path_factory.mktemp("people")
    (folder / "images" / "scenes").mkdir(parents=True)
    for name, picture in zip(NAMES, pictures(PICTURES), strict=True):
        picture.save(folder / "images" / name)
    lines = ["ref,a,b,answer,n_a,n_b"]
    for reference in range(5):
        others = [n for n in range(PICTURES) if n != reference]
        for i in others:
            for j in (j for j in others if j > i and (i + j) % 3):
                lines.append(f"{NAMES[reference]},{NAMES[j]},{NAMES[i]},B,1,2")
    (folder / "triplets.csv").write_text("\n".join(lines))
    return folder
