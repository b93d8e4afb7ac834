"""The script that Streamlit runs for every page: navigation by role, then the page.

`app.py` names this file; each rerun executes it. To add a page, write `pages/<name>.py` and add
it to `PAGES`. The page must still guard itself with `session.require`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# plotly asks whether pandas is loaded, and breaks where another thread, which serves another
# person, is in the middle of loading it: no page is drawn before it is loaded.
import pandas  # noqa: F401
import streamlit as st
from streamlit.navigation.page import Page as StreamlitPage

from cssim.types import Role
from cssim.ui import first_visit, runtime, session

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
    section: str = ""
    """The menu in which it stands, one of `SECTIONS`; empty for the bar itself."""


SECTIONS = ("", "Data", "Models", "Results", "You")
"""Menus of the navigation, in order."""
FEW = 4
"""So many pages stand in the bar without menus: annotators have few."""

PAGES = (
    Entry("home", "Home", ":material/home:", Role.ANNOTATOR),
    Entry("annotate", "Label", ":material/touch_app:", Role.ANNOTATOR),
    Entry("library", "Library", ":material/photo_library:", Role.RESEARCHER, "Data"),
    Entry("plans", "Plans", ":material/event_note:", Role.RESEARCHER, "Data"),
    Entry("quality", "Quality", ":material/fact_check:", Role.RESEARCHER, "Data"),
    Entry("adjudicate", "Disputed pages", ":material/gavel:", Role.RESEARCHER, "Data"),
    Entry("data", "Data in numbers", ":material/bar_chart:", Role.RESEARCHER, "Data"),
    Entry("train", "Train", ":material/model_training:", Role.RESEARCHER, "Models"),
    Entry("ensembles", "Ensembles", ":material/hub:", Role.RESEARCHER, "Models"),
    Entry("compare", "Compare", ":material/leaderboard:", Role.RESEARCHER, "Results"),
    Entry("regions", "Regions", ":material/scatter_plot:", Role.RESEARCHER, "Results"),
    Entry("reference", "One reference", ":material/image_search:", Role.RESEARCHER, "Results"),
    Entry("people", "People", ":material/group:", Role.ADMINISTRATOR, "You"),
    Entry("account", "Account", ":material/account_circle:", Role.ANNOTATOR, "You"),
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
    page = st.navigation(menus(shown), position="top")
    first_visit.hint(runtime.workspace(), person, page.url_path or "home")
    page.run()


def menus(shown: Sequence[Entry]) -> dict[str, list[StreamlitPage]]:
    """Pages by the menu in which they stand; who sees few pages gets them all in the bar."""
    few = len(shown) <= FEW
    found: dict[str, list[StreamlitPage]] = {}
    for section in SECTIONS:
        for entry in shown:
            if entry.section == section:
                found.setdefault("" if few else section, []).append(_page(entry))
    return found


def _page(entry: Entry) -> StreamlitPage:
    return st.Page(
        page_path(entry.name),
        title=entry.title,
        icon=entry.icon,
        url_path=None if entry.name == "home" else entry.name,
        default=entry.name == "home",
    )


if __name__ == "__main__":
    main()
