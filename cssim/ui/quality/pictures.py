"""A page as it is looked at here: the reference and its candidates in a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from cssim.types import Image, Page
from cssim.ui import tables

_STYLE = """<style>
.cs-page { display: flex; gap: 1rem; flex-wrap: wrap; align-items: flex-end; }
.cs-page figure { margin: 0; flex: 1 1 9rem; max-width: 22rem; }
.cs-page.cs-few figure { flex: 0 1 9rem; }
.cs-page.cs-few .cs-ref { flex-basis: 10rem; }
.cs-page img, .cs-page .cs-blank { width: 100%; aspect-ratio: 1; object-fit: contain;
  border-radius: 10px; background: color-mix(in srgb, currentColor 6%, transparent);
  display: grid; place-items: center; }
.cs-page figcaption { font-size: .85rem; margin-top: .3rem; text-align: center;
  overflow-wrap: anywhere; }
.cs-page .cs-ref { border-right: 1px solid color-mix(in srgb, currentColor 20%, transparent);
  padding-right: 1rem; }
@media (max-width: 640px) {
  .cs-page { display: grid; gap: .7rem; align-items: end;
    grid-template-columns: repeat(auto-fit, minmax(min(6.2rem, 30%), 1fr)); }
  .cs-page .cs-ref { grid-column: 1 / -1; border: none; padding: 0; width: 60%; margin: auto; } }
</style>"""


def row(
    page: Page,
    images: Mapping[int, Image],
    captions: Sequence[str],
    *,
    shown: Sequence[int] | None = None,
    small: bool = False,
) -> None:
    """Draw a page.

    Args:
        page: what to draw.
        images: its images by id.
        captions: of the candidates, as they stand on screen.
        shown: positions of the candidates, left to right; in the page's order by default.
        small: as thumbnails instead of as large as the row allows.
    """
    order = range(len(page.candidates)) if shown is None else shown
    parts = [_picture(images[page.reference], "Reference", "cs-ref")]
    for caption, position in zip(captions, order, strict=True):
        parts.append(_picture(images[page.candidates[position]], caption))
    tables.style()
    kind = "cs-page cs-few" if small else "cs-page"
    st.html(f'{_STYLE}<div class="{kind}">{"".join(parts)}</div>')


def _picture(image: Image, caption: str, cls: str = "") -> str:
    said = escape(caption)
    body = '<div class="cs-blank">no pixels here</div>'
    if image.available:
        body = f'<img src="{tables.source(image, 512)}" alt="{said}" loading="lazy">'
    return f'<figure class="{cls}">{body}<figcaption>{said}</figcaption></figure>'
