"""Small things that all pages share: headers, empty states, errors, links to other pages."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from typing import Literal

import streamlit as st

from cssim.errors import CSSimError

_LOG = logging.getLogger(__name__)


STYLE = """<style>
/* Streamlit leaves a tenth of the screen empty below the navigation. */
.stMainBlockContainer { padding-top: 4.5rem; }
/* Streamlit's own are paler than 4.5 : 1. */
[data-testid="stCaptionContainer"] { opacity: 0.78; }
[data-testid="stTab"][aria-selected="true"] p,
[data-testid^="stBaseButton-segmented_controlActive"] p,
[data-testid^="stBaseButton-pillsActive"] p,
[data-testid="stSliderThumbValue"], [data-testid="stSliderThumbValue"] p,
button[aria-checked="true"] p { color: light-dark(#2a4bb3, #9db5ff); }
[data-testid="stCode"] code .token { color: light-dark(#1b2330, #e8ebf1); }
[data-testid="stCode"] code .token:is(.punctuation, .comment) {
  color: light-dark(#5a6272, #a3abba); }
[data-testid="stCode"] code .token:is(.keyword, .builtin, .function, .boolean, .class-name) {
  color: light-dark(#1d5fb8, #6cb2ff); }
[data-testid="stCode"] code .token:is(.string, .char, .attr-value) {
  color: light-dark(#14713a, #52d685); }
[data-testid="stCode"] code .token:is(.operator, .number, .parameter, .property) {
  color: light-dark(#9a4308, #f5a05a); }
.cs-number { font-size: 1.7rem; line-height: 1.3; }
</style>"""
"""What all pages share beyond the theme; its colours are the theme's link colours."""


def header(title: str, explanation: str = "") -> None:
    """The top of a page: what it is, and in one line what it is for."""
    st.html(STYLE)
    st.title(title, anchor=False)
    if explanation:
        st.caption(explanation)


def empty(title: str, explanation: str, *, icon: str = ":material/inbox:") -> None:
    """Says that there is nothing here yet, why, and what to do next; texts are Markdown."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(f"## {icon} {title}", text_alignment="center")
        st.markdown(explanation, text_alignment="center")


def badge(text: str, *, colour: str = "gray") -> None:
    """A small label, e.g. `simulated` beside a simulated person's name."""
    st.badge(text, color=colour)  # type: ignore[arg-type]


def problem(error: CSSimError) -> None:
    """Show an error that CS-Sim raised on purpose: its text is made to be read."""
    st.error(escape(str(error), quote=False), icon=":material/error:")


@contextmanager
def errors() -> Iterator[None]:
    """Within the block a `CSSimError` becomes a message on the page, and the rest is skipped."""
    try:
        yield
    except CSSimError as error:
        _LOG.info("shown to the person: %s", error)
        problem(error)


def page_link(
    page: str, label: str, *, icon: str | None = None, address: Mapping[str, str] | None = None
) -> None:
    """A link to another page, named as its file in `pages/` without the ending.

    Args:
        page: its name.
        label: Markdown.
        icon: a Material symbol.
        address: parameters of the page's address.
    """
    from cssim.ui.shell import page_path

    st.page_link(page_path(page), label=label, icon=icon, query_params=dict(address or {}))


def download(label: str, address: str, *, key: str, primary: bool = False) -> None:
    """A button that fetches a file from a route of this server, which sends it from disk.

    `st.download_button` would hold the whole file in memory, for each session that asks.

    Args:
        label: what it says.
        address: of the route, below the site's root.
        key: of the widget.
        primary: whether it is what the page is for.
    """
    kind: Literal["primary", "secondary"] = "primary" if primary else "secondary"
    st.link_button(label, address, key=key, type=kind, icon=":material/download:")


def go_to(page: str) -> None:
    """Leave for another page at once, named as its file in `pages/` without the ending."""
    from cssim.ui.shell import page_path

    st.switch_page(page_path(page))


def use_whole_window() -> None:
    """Take away the margins round a page, for one that needs the room."""
    st.html(
        "<style>.stMainBlockContainer{padding:4.2rem 1.25rem 0 1.25rem;max-width:none}"
        "@media(max-width:640px){.stMainBlockContainer{padding:3.9rem .6rem 0 .6rem}}"
        ".stMainBlockContainer .stVerticalBlock{gap:0}</style>"
    )
