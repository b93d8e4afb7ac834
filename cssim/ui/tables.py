"""Tables and picture grids as HTML: text wraps, nothing is cut off, a phone shows rows as cards.

`st.dataframe` paints on a canvas and cuts long cells; these are read, not edited.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

import streamlit as st

from cssim.types import Image

THUMBNAIL = 256
"""Width of a picture in a grid, in pixels of the file."""
LARGE = 2048
"""Width of the picture behind a thumbnail."""

_LINE = "color-mix(in srgb, currentColor 16%, transparent)"
STYLE = f"""<style>
.cs-scroll {{ overflow-x: auto; max-width: 100%; }}
.cs-table {{ border-collapse: collapse; width: 100%; font-size: 0.92rem; line-height: 1.35; }}
.cs-table th {{ text-align: left; font-weight: 600; font-size: 0.82rem; padding: 0.35rem 0.7rem;
  border-bottom: 2px solid {_LINE}; vertical-align: bottom; }}
.cs-table td {{ padding: 0.45rem 0.7rem; border-bottom: 1px solid {_LINE}; vertical-align: top;
  overflow-wrap: anywhere; min-width: 3.2rem; }}
.cs-table td:first-child {{ min-width: 11rem; }}
.cs-table .num {{ text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }}
.cs-table a {{ color: inherit; text-decoration-color: color-mix(in srgb, currentColor 45%,
  transparent); text-underline-offset: 0.18em; }}
.cs-table a:hover {{ text-decoration-color: currentColor; }}
.cs-quiet {{ opacity: 0.68; }}
.cs-small {{ font-size: 0.82rem; }}
.cs-whole {{ white-space: nowrap; }}
.cs-tag {{ display: inline-block; border: 1px solid {_LINE}; border-radius: 1rem;
  padding: 0 0.5rem; font-size: 0.78rem; white-space: nowrap; }}
.cs-named {{ display: flex; gap: 0.6rem; align-items: center; }}
.cs-named img, .cs-named .cs-blank {{ width: 36px; height: 36px; border-radius: 6px;
  object-fit: cover; flex: none; }}
.cs-blank {{ background: color-mix(in srgb, currentColor 8%, transparent); }}
.cs-grid {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(132px, 1fr));
  gap: 0.8rem; }}
.cs-grid figure {{ margin: 0; min-width: 0; }}
.cs-grid a {{ display: block; }}
.cs-grid img, .cs-grid .cs-blank {{ width: 100%; aspect-ratio: 1; object-fit: contain;
  border-radius: 8px; display: block; background: color-mix(in srgb, currentColor 6%, transparent);
}}
.cs-grid .cs-blank {{ display: grid; place-items: center; font-size: 0.78rem; text-align: center;
  padding: 0.5rem; box-sizing: border-box; }}
.cs-grid figcaption {{ font-size: 0.78rem; margin-top: 0.2rem; opacity: 0.75;
  overflow-wrap: anywhere; }}
.cs-pairs {{ display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)); }}
.cs-pairs figure {{ margin: 0; display: grid; grid-template-columns: 1fr 1fr; gap: 4px; }}
.cs-pairs img {{ width: 100%; aspect-ratio: 1; object-fit: cover; display: block;
  border-radius: 6px; }}
.cs-pairs figcaption {{ grid-column: 1 / -1; font-size: 0.82rem; overflow-wrap: anywhere; }}
@media (max-width: 640px) {{
  .cs-table thead {{ display: none; }}
  .cs-table, .cs-table tbody, .cs-table td {{ display: block; width: 100%;
    box-sizing: border-box; }}
  .cs-table tr {{ display: grid; grid-template-columns: repeat(3, minmax(0, 1fr));
    grid-auto-flow: row dense;
    border: 1px solid {_LINE}; border-radius: 10px; margin-bottom: 0.7rem; padding: 0.3rem 0; }}
  .cs-table td {{ display: flex; gap: 1rem; justify-content: space-between; border: none;
    padding: 0.2rem 0.8rem; text-align: right; white-space: normal; grid-column: 1 / -1;
    min-width: 0; }}
  .cs-table td::before {{ content: attr(data-label); opacity: 0.68; text-align: left; flex: none;
    max-width: 45%; }}
  .cs-table td.num {{ display: block; grid-column: auto; text-align: left; white-space: normal; }}
  .cs-table td.num::before {{ display: block; max-width: none; font-size: 0.78rem; }}
  .cs-table td:first-child {{ display: block; text-align: left; font-weight: 600;
    font-size: 1rem; grid-column: 1 / -1; }}
  .cs-table td:first-child::before {{ content: none; }}
  .cs-table td.cs-none {{ display: none; }}
  .cs-grid {{ grid-template-columns: repeat(3, 1fr); gap: 0.5rem; }}
}}
</style>"""


class Markup(str):
    """HTML that was made here, of escaped parts; a table puts it in as it stands."""

    __slots__ = ()


def style() -> None:
    """The style sheet that the other functions rely on; takes no room on the page."""
    st.html(STYLE)


def section(title: str) -> None:
    """The heading of a part of a page."""
    st.header(title, anchor=False)


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Collection[str] = (),
    caption: str = "",
) -> None:
    """Draw a table.

    Args:
        columns: headings; the first column names the row.
        rows: a text for each column; plain text is escaped, `Markup` is not.
        numbers: columns that are aligned to the right.
        caption: says to those who hear the page what the table holds.
    """
    classes = ["num" if column in numbers else "" for column in columns]
    head = "".join(
        f'<th scope="col" class="{own}">{escape(column)}</th>'
        for column, own in zip(columns, classes, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{own}{"" if cell else " cs-none"}" data-label="{escape(column)}">'
            f"<div>{markup(cell)}</div></td>"
            for column, cell, own in zip(columns, row, classes, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    label = f' aria-label="{escape(caption)}"' if caption else ""
    style()
    st.html(
        f'<div class="cs-scroll"><table class="cs-table"{label}><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def markup(text: str) -> Markup:
    """Text as HTML: escaped unless it is `Markup` already."""
    return text if isinstance(text, Markup) else Markup(escape(text))


def quiet(text: str) -> Markup:
    """Text in the background, e.g. a remark below a name."""
    return Markup(f'<span class="cs-quiet cs-small">{markup(text)}</span>')


def whole(text: str) -> Markup:
    """A word that is never broken, however long what stands beside it is."""
    return Markup(f'<span class="cs-whole">{markup(text)}</span>')


def tag(text: str) -> Markup:
    """A word in a small frame."""
    return Markup(f'<span class="cs-tag">{markup(text)}</span>')


def link(address: str, text: str) -> Markup:
    """Text that leads to another page of this site, in the same tab."""
    return Markup(f'<a href="{escape(address)}" target="_self">{markup(text)}</a>')


def lines(*parts: str) -> Markup:
    """Parts below each other; empty ones are left out."""
    return Markup("<br>".join(markup(part) for part in parts if part))


def words(*parts: str) -> Markup:
    """Parts beside each other; empty ones are left out."""
    return Markup(" ".join(markup(part) for part in parts if part))


def named(image: Image | None, *parts: str) -> Markup:
    """A small picture with lines of text beside it; a blank square where there are no pixels."""
    picture = '<span class="cs-blank"></span>'
    if image is not None and image.sha256:
        picture = f'<img src="{source(image)}" alt="" loading="lazy">'
    return Markup(f'<span class="cs-named">{picture}<span>{lines(*parts)}</span></span>')


def source(image: Image, width: int = THUMBNAIL) -> str:
    """Address of a picture's thumbnail."""
    return f"/images/{image.sha256}?w={width}"


def grid(images: Sequence[Image]) -> None:
    """Draw thumbnails with their names; a click opens the picture large in a new tab."""
    style()
    st.html(f'<div class="cs-grid">{"".join(map(_figure, images))}</div>')


def _figure(image: Image) -> str:
    name = escape(image.name)
    if not image.available:
        return (
            f'<figure><div class="cs-blank cs-quiet">no pixels here</div>'
            f"<figcaption>{name}</figcaption></figure>"
        )
    return (
        f'<figure><a href="{source(image, LARGE)}" target="_blank" rel="noopener">'
        f'<img src="{source(image)}" alt="{name}" title="{name}" loading="lazy"></a>'
        f"<figcaption>{name}</figcaption></figure>"
    )
