"""Vectors of pictures whose colours are converted are kept apart from those of their raw pixels."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image as PillowImage

from cssim import colour
from cssim.config import Settings
from cssim.embeddings.store import EmbeddingCache
from cssim.services import gallery, library, vectors
from cssim.services.encoding import embeddings_of, frozen_encoder, register_frozen
from cssim.services.library import Upload
from cssim.services.pixel_keys import pixel_keys
from cssim.services.workspace import Workspace, open_workspace
from db.models import ImageRow
from tests.icc import P3, rgb_profile


def picture(profile: bytes | None) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, "PNG", icc_profile=profile)
    return buffer.getvalue()


@pytest.fixture
def ws(settings: Settings) -> Iterator[Workspace]:
    opened = open_workspace(settings)
    wide, plain = Upload("wide.png", picture(rgb_profile(P3))), Upload("plain.png", picture(None))
    library.add_images(opened, [wide, plain])
    yield opened
    opened.close()


def wide_and_plain(ws: Workspace):
    by_name = {image.name: image for image in gallery.find_pictures(ws).images}
    return by_name["wide.png"], by_name["plain.png"]


def forget_what_is_known(ws: Workspace) -> None:
    """As a version before this one left the table."""
    with ws.database.writing() as session:
        for row in session.query(ImageRow):
            row.colour = None


def test_only_a_converted_picture_has_a_key_of_its_own(ws):
    wide, plain = wide_and_plain(ws)
    assert (wide.colour, plain.colour) == (colour.VERSION, "")
    keys = pixel_keys(ws, [wide, plain])
    assert keys[0] != wide.sha256
    assert keys[1] == plain.sha256


def test_pictures_of_an_earlier_version_are_looked_at_once(ws, monkeypatch):
    known = pixel_keys(ws, wide_and_plain(ws))
    forget_what_is_known(ws)
    assert pixel_keys(ws, wide_and_plain(ws)) == known
    monkeypatch.setattr(type(ws.store), "colour", lambda *_: pytest.fail("looked at twice"))
    assert pixel_keys(ws, wide_and_plain(ws)) == known


def test_a_file_that_is_away_is_looked_at_again_when_it_is_back(ws):
    wide, plain = wide_and_plain(ws)
    forget_what_is_known(ws)
    data = ws.store.path(wide.sha256).read_bytes()
    ws.store.remove(wide.sha256)
    assert pixel_keys(ws, [*wide_and_plain(ws)]) == [wide.sha256, plain.sha256]
    ws.store.add(data, name="wide.png")
    assert pixel_keys(ws, [*wide_and_plain(ws)])[0] != wide.sha256


def test_vectors_from_before_are_kept_for_plain_pictures_and_not_believed_for_others(ws):
    wide, plain = wide_and_plain(ws)
    encoder = frozen_encoder(ws, "histogram")
    cache = EmbeddingCache(ws.settings.embeddings)
    old = np.stack([np.full(512, 7.0), np.full(512, 8.0)]).astype(np.float32)
    cache.get_or_compute(
        encoder.fingerprint,
        [wide.sha256, plain.sha256],
        lambda _: PillowImage.new("RGB", (1, 1)),
        lambda _: old,
    )
    forget_what_is_known(ws)
    found = embeddings_of(ws, encoder, [wide.id, plain.id])
    assert np.array_equal(found[1], old[1])
    assert np.array_equal(found[0], encoder.embed([ws.store.open(wide.sha256)])[0])


def test_pages_look_under_the_same_keys(ws):
    wide, plain = wide_and_plain(ws)
    model, encoder = register_frozen(ws, "histogram")
    own = embeddings_of(ws, encoder, [wide.id, plain.id])
    shelf = vectors.load_shelf(ws)
    assert shelf.missing(model.id) == 0
    assert np.array_equal(shelf.vectors(model.id, [wide.id, plain.id]), own)
