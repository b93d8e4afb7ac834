"""The script that Streamlit runs for every page: navigation by role, then the page.

`app.py` names this file; each rerun executes it. To add a page, write `pages/<name>.py` and add
it to `PAGES`. The page must still guard itself with `session.require`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from cssim.types import Role
from cssim.ui import session

ROOT = Path(__file__).resolve().parent.parent.parent
ICON = Path(__file__).parent / "icon.png"


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigation."""

    name: str
    """File name in `pages/` without the ending; also the address."""
    title: str
    icon: str
    """A Material symbol, e.g. `:material/home:`."""
    role: Role
    """Who sees it; roles above see it too."""


PAGES = (
    Entry("home", "Home", ":material/home:", Role.ANNOTATOR),
    Entry("annotate", "Label", ":material/touch_app:", Role.ANNOTATOR),
    Entry("library", "Library", ":material/photo_library:", Role.RESEARCHER),
    Entry("train", "Train", ":material/model_training:", Role.RESEARCHER),
    Entry("compare", "Compare", ":material/leaderboard:", Role.RESEARCHER),
    Entry("people", "People", ":material/group:", Role.ADMINISTRATOR),
    Entry("account", "Account", ":material/account_circle:", Role.ANNOTATOR),
)


def page_path(name: str) -> str:
    """The file of a page, as `st.page_link` and `st.switch_page` want it."""
    return str(ROOT / "pages" / f"{name}.py")


def exists(name: str) -> bool:
    """Whether the page is there."""
    return Path(page_path(name)).is_file()


def main() -> None:
    """Draw the navigation that fits the person's role and run the page they asked for."""
    st.set_page_config(page_title="CS-Sim", page_icon=str(ICON), layout="wide", menu_items={})
    person = session.require("annotator")
    shown = [entry for entry in PAGES if person.role.may(entry.role) and exists(entry.name)]
    pages = [
        st.Page(
            page_path(entry.name),
            title=entry.title,
            icon=entry.icon,
            url_path=None if entry.name == "home" else entry.name,
            default=entry.name == "home",
        )
        for entry in shown
    ]
    st.navigation(pages, position="top").run()


if __name__ == "__main__":
    main()
