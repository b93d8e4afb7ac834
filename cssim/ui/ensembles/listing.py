"""The project's ensembles: which one is looked at, what it is made of, whether it still holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from cssim.errors import CSSimError
from cssim.services import experiments, offers
from cssim.services.estimating import Estimate, Setup
from cssim.services.vectors import Shelf
from cssim.services.workspace import Workspace
from cssim.types import Cluster, EnsembleInfo
from cssim.ui import shelves, tables, words

CHOSEN = "ensembles_chosen"
_NEWEST = "ensembles_newest"
"""Session state: the newest ensemble that this page has listed, by id."""
LEVEL = 0.05
"""Below or at this p looking at references counts as a help."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the list says of one ensemble."""

    info: EnsembleInfo
    title: str
    """Of its strategy."""
    members: tuple[str, ...]
    fitted_on: str
    """Names of the sets; empty: on none."""
    stale: str
    """What has changed since it was built; empty: nothing."""
    estimate: Estimate | None
    """Cross-fitted on the answers that there are now; None where it cannot be had at once."""
    archived: bool = False


def shown(ws: Workspace) -> tuple[list[EnsembleInfo], set[int]]:
    """The ensembles to list, and the ids of those among them that are archived.

    An archived one is listed where the address names it, or where all are asked for.
    """
    everything = experiments.list_ensembles(ws, archived=True)
    away = {one.id for one in everything} - {one.id for one in experiments.list_ensembles(ws)}
    also = bool(away) and st.checkbox(f"Also {len(away):,} archived", key="ensembles_archived")
    newest = everything[-1].id
    if newest > st.session_state.get(_NEWEST, newest):  # a new one is looked at at once
        st.query_params.pop("ensemble", None)
    st.session_state[_NEWEST] = newest
    wanted = st.query_params.get("ensemble", "")
    found = [one for one in everything if also or one.id not in away or str(one.id) == wanted]
    return found or everything, away


def facts_of(
    ws: Workspace,
    shelf: Shelf,
    ensembles: Sequence[EnsembleInfo],
    clusters: dict[int, Cluster],
    archived: Collection[int] = (),
) -> list[Facts]:
    """The facts of each ensemble, newest first.

    Args:
        ws: the workspace.
        shelf: the project's pictures and models.
        ensembles: oldest first.
        clusters: of the project, by id.
        archived: ids of those that are put away.
    """
    titles = offers.strategy_titles()
    found = []
    for info in reversed(ensembles):
        fit_on = tuple(int(i) for i in info.config.get("fit_on", ()))
        found.append(
            Facts(
                info=info,
                title=titles.get(info.strategy, (info.strategy, False))[0],
                members=tuple(shelf.models[i].name for i in info.member_ids),
                fitted_on=", ".join(clusters[i].name for i in fit_on if i in clusters),
                stale=_stale(ws, info, fit_on),
                estimate=_estimate(ws, info, fit_on),
                archived=info.id in archived,
            )
        )
    return found


def _stale(ws: Workspace, info: EnsembleInfo, fit_on: tuple[int, ...]) -> str:
    if not (ws.settings.home / str(info.path)).is_dir():
        return "its folder is gone"
    if fit_on and shelves.triples(ws, fit_on).fingerprint != info.config.get("fit_data"):
        return "the answers that it was fitted on have changed"
    return ""


def _estimate(ws: Workspace, info: EnsembleInfo, fit_on: tuple[int, ...]) -> Estimate | None:
    if not fit_on:
        return None
    features = info.config.get("features")
    setup = Setup(
        info.member_ids, info.strategy, fit_on, None if features is None else int(features)
    )
    try:
        found = shelves.estimate(ws, setup, keep=True)
    except CSSimError:  # not embedded, or too few answers: the card says that there is none
        return None
    return None if found is None else found.estimate


def choose(found: Sequence[Facts]) -> Facts:
    """The list; gives the one that is looked at, which the address remembers."""
    by_id = {one.info.id: one for one in found}
    wanted = st.query_params.get("ensemble", "")
    index = next((i for i, number in enumerate(by_id) if str(number) == wanted), 0)
    chosen = st.radio(
        "Ensemble",
        list(by_id),
        index=index,
        format_func=lambda number: words.plain_markdown(by_id[number].info.name),
        captions=[_caption(one) for one in found],
        key=f"{CHOSEN}_{max(by_id)}",
        label_visibility="collapsed",
    )
    st.query_params["ensemble"] = str(chosen)
    return by_id[chosen]


def _caption(one: Facts) -> str:
    parts = [f"{one.title} of {len(one.members)}"]
    if one.estimate is not None:
        score = one.estimate.ensemble
        parts.append(
            f"{100 * score.accuracy:.1f} % ({100 * score.low:.1f} to {100 * score.high:.1f})"
        )
    if one.stale:
        parts.append("**out of date**")
    if one.archived:
        parts.append("archived")
    return ", ".join(parts)


def head(one: Facts) -> None:
    """What the chosen ensemble is, in a few lines above everything else about it."""
    if one.stale:
        st.warning(
            f"Out of date: {words.plain_markdown(one.stale)}. Its answers are those of the day on "
            "which it was built; build it again under a new name to bring it up to date.",
            icon=":material/update:",
        )
    info = one.info
    rows = [
        ("Combined by", one.title),
        ("Members", tables.words(*(tables.tag(name) for name in one.members))),
        ("Fitted on", _fitted(one)),
        ("Estimate", _said(one)),
        *([("Context test", test)] if (test := context_said(info.config.get("context"))) else []),
        ("Imported" if info.config.get("imported") else "Built", words.ago(info.created_at)),
    ]
    tables.style()
    body = "".join(
        f'<div style="display:flex;gap:.8rem;padding:.18rem 0"><span class="cs-quiet" '
        f'style="flex:0 0 6.5rem">{tables.markup(name)}</span>'
        f'<span style="min-width:0">{tables.markup(value)}</span></div>'
        for name, value in rows
    )
    st.html(f'<div style="font-size:.92rem">{body}</div>')


def _fitted(one: Facts) -> str:
    triples = int(one.info.config.get("fit_triples") or 0)
    if one.fitted_on:
        return f"{one.fitted_on}, {words.count(triples, 'triple')}"
    if one.info.config.get("imported") and triples:
        return f"answers of another project, {words.count(triples, 'triple')}"
    return "nothing: it states no confidence"


def _said(one: Facts) -> str:
    found = one.estimate
    if found is None:
        return "none yet: estimate it under “Build”" if one.fitted_on else "none"
    score = found.ensemble
    sign = f"{100 * found.difference:+.1f}".replace("-", "−")
    return (
        f"{100 * score.accuracy:.1f} % ({100 * score.low:.1f} to {100 * score.high:.1f}), {sign} "
        f"points to {found.best}, its best member in hindsight; "
        f"{words.count(found.references, 'reference')}, each held out once"
    )


def context_said(tested: Mapping[str, Any] | None) -> str:
    """Whether looking at the reference helps, against shuffled references; empty for the blind.

    Args:
        tested: `context` of an ensemble's card, see `services.validating.context_test`.
    """
    if not tested:
        return ""
    if "untested" in tested:
        return f"not tested whether looking at the reference helps: {tested['untested']}"
    gain = f"{100 * tested['gain']:+.1f}".replace("-", "−")
    verdict = (
        "looking at the reference helps"
        if tested["p"] <= LEVEL and tested["gain"] > 0
        else "no more than shuffled references give"
    )
    return (
        f"{gain} points over {tested['blind']}, which does not look at the reference; p = "
        f"{tested['p']:.2f} against {words.count(tested['draws'], 'shuffle')}: {verdict}"
    )
