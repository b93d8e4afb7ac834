"""Ask an ensemble: is A or B closer to R, how sure is it, who said what, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from cssim.plots.ensembles import pulls
from cssim.services import answer_jobs, answering, jobs, questions
from cssim.services.answering import Ready
from cssim.services.uploads import Asked
from cssim.services.vectors import Shelf, Triples
from cssim.services.workspace import Workspace
from cssim.types import Person
from cssim.ui import chooser, figures, first_visit, jobs_view, tables, widgets, words
from cssim.ui.ensembles import watching, why

ROLES = {"a": "A", "reference": "Reference", "b": "B"}
"""As they stand on the page, from left to right."""
KEY = "ask"
_JOB = "ask_job"


def draw(ws: Workspace, user: Person, shelf: Shelf, ensemble: Ready, answers: Triples) -> None:
    """The three pictures, the answer, and what speaks for it.

    Args:
        ws: the workspace.
        user: who asks.
        shelf: the project's pictures.
        ensemble: the one that is asked.
        answers: validation triples: examples, and what people said where they were asked.
    """
    if any(chooser.taken(f"{KEY}_{role}") is None for role in ROLES):
        _example(shelf, answers)
    asked = {role: chooser.taken(f"{KEY}_{role}") for role in ROLES}
    chosen = {role: one for role, one in asked.items() if one is not None}
    found = None
    with widgets.errors():
        if len(chosen) == len(ROLES):
            found = _answer(ws, shelf, ensemble, chosen)
    with widgets.errors():
        _pictures(ws, chosen, found)
    _buttons(ws, user, ensemble, chosen, answers, found)
    if found is not None:
        if _own(shelf, answers, chosen):
            first_visit.saw(ws, user, "answer")
        _said(ensemble, found, chosen, answers)
        left, right = st.columns([3, 2], gap="large")
        with left:
            _members(found)
        with right:
            _pulls(ensemble, found)
        why.draw(shelf, found["explanation"])


def _example(shelf: Shelf, answers: Triples) -> None:
    """A question that people have answered, so that there is something to see at once."""
    ids = questions.example(shelf, answers, int(st.session_state.get(f"{KEY}_example", 0)))
    for role, image_id in (ids or {}).items():
        chooser.take(f"{KEY}_{role}", Asked(shelf.image(image_id).name, image_id=image_id))


def _own(shelf: Shelf, answers: Triples, chosen: Mapping[str, Asked]) -> bool:
    """Whether this is another question than the one that stands there at first."""
    first = questions.example(shelf, answers, 0) or {}
    return {role: one.image_id for role, one in chosen.items()} != first


def _answer(
    ws: Workspace, shelf: Shelf, ensemble: Ready, chosen: Mapping[str, Asked]
) -> dict[str, Any] | None:
    """At once where everything is embedded; else the result of a job for these very pictures."""
    ids = [one.image_id for one in chosen.values()]
    own = [i for i in ids if i is not None]
    if len(own) == len(ids) and not answering.lacking(shelf, ensemble, own):
        return answering.answer(
            shelf, ensemble, *(_id(chosen[role]) for role in ("reference", "a", "b"))
        )
    job_id, about = st.session_state.get(_JOB, (None, None))
    if job_id is None or about != _question(ensemble, chosen):
        return None
    job = watching.finished(ws, job_id, key=KEY, forget=_forget)
    return None if job is None else dict(job.result)


def _forget() -> None:
    st.session_state.pop(_JOB, None)


def _id(asked: Asked) -> int:
    assert asked.image_id is not None
    return asked.image_id


def _question(ensemble: Ready, chosen: Mapping[str, Asked]) -> tuple[object, ...]:
    return (ensemble.info.id, *((role, chosen[role]) for role in ROLES if role in chosen))


def _pictures(ws: Workspace, chosen: Mapping[str, Asked], found: Mapping[str, Any] | None) -> None:
    """A, the reference and B beside each other; the closer one is framed and says so."""
    winner = "" if found is None or found["choice"] is None else str(found["choice"]).lower()
    cells = []
    for role, title in ROLES.items():
        asked, won = chosen.get(role), role == winner
        picture = (
            '<div class="cs-ask-none">none chosen</div>'
            if asked is None
            else chooser.figure(ws, asked)
        )
        name = "" if asked is None else tables.markup(asked.name)
        mark = ' <span class="cs-ask-mark">closer</span>' if won else ""
        cells.append(
            f'<figure class="cs-ask{" cs-ask-won" if won else ""}">{picture}'
            f"<figcaption><strong>{title}</strong>{mark}"
            f'<br><span class="cs-quiet cs-small">{name}</span></figcaption></figure>'
        )
    st.html(
        "<style>.cs-ask-row{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:.9rem;"
        "max-width:52rem}.cs-ask{margin:0;padding:.45rem;border-radius:14px;border:3px solid "
        "transparent}.cs-ask-won{border-color:#0072B2}.cs-ask img{width:100%;background:"
        "color-mix(in srgb,currentColor 6%,transparent)}.cs-ask figcaption{margin-top:.35rem;"
        "overflow-wrap:anywhere}.cs-ask-mark{background:#0072B2;color:#fff;border-radius:1rem;"
        "padding:.05rem .55rem;font-size:.8rem;font-weight:600}.cs-ask-none{aspect-ratio:1;display:"
        "grid;place-items:center;border-radius:10px;background:color-mix(in srgb,currentColor 7%,"
        f'transparent)}}</style><div class="cs-ask-row">{"".join(cells)}</div>'
    )


def _buttons(
    ws: Workspace,
    user: Person,
    ensemble: Ready,
    chosen: Mapping[str, Asked],
    answers: Triples,
    found: Mapping[str, Any] | None,
) -> None:
    with st.container(horizontal=True):
        for role, title in ROLES.items():
            if st.button(
                f"Choose {'the reference' if role == 'reference' else title}",
                key=f"{KEY}_choose_{role}",
                icon=":material/add_photo_alternate:",
            ):
                chooser.choose(ws, f"{KEY}_{role}", f"This picture will be {title}.")
        if len(answers) and st.button(
            "Another example", key=f"{KEY}_more", type="tertiary", icon=":material/casino:"
        ):
            st.session_state[f"{KEY}_example"] = int(st.session_state.get(f"{KEY}_example", 0)) + 1
            for role in ROLES:
                st.session_state.pop(f"{KEY}_{role}", None)
            st.rerun()
    waiting = st.session_state.get(_JOB, (None, None))[1] == _question(ensemble, chosen)
    if found is not None or waiting or len(chosen) < len(ROLES):
        return
    uploads = any(one.image_id is None for one in chosen.values())
    st.caption(
        "An upload must be embedded by each member first; a worker does that."
        if uploads
        else "Some members have not embedded these pictures yet; a worker does that."
    )
    if st.button("Ask", key=f"{KEY}_go", type="primary", icon=":material/help_center:"):
        with widgets.errors():
            job_id = answer_jobs.request_ask(
                ws,
                ensemble.info.name,
                chosen["reference"],
                chosen["a"],
                chosen["b"],
                by=user.id,
            )
            st.session_state[_JOB] = (job_id, _question(ensemble, chosen))
            jobs.ensure_worker(ws.settings)
            st.rerun()


def _said(
    ensemble: Ready, found: Mapping[str, Any], chosen: Mapping[str, Asked], answers: Triples
) -> None:
    """The answer in one sentence, and what people said where they were asked the same."""
    name = words.plain_markdown(ensemble.info.name)
    to_a, to_b = found["distances"]
    if found["choice"] is None:
        text = f"**{name}** cannot tell: both are equally far ({to_a:.3f})."
    else:
        text = f"**{name}** says **{found['choice']}** is closer"
        if found["confidence"] is not None:
            text += f", and expects {words.percent(found['confidence'], 0)} of people to agree"
        text += f". Its distances: {to_a:.3f} to A, {to_b:.3f} to B."
    st.markdown(text)
    votes = _people(chosen, answers)
    if votes is not None:
        for_a, for_b = votes
        st.caption(f"People were asked the same: {for_a:g} said A, {for_b:g} said B.")


def _people(chosen: Mapping[str, Asked], answers: Triples) -> tuple[float, float] | None:
    """Votes for A and for B where people were asked the same."""
    ids = {role: one.image_id for role, one in chosen.items()}
    if None in ids.values():
        return None
    return questions.people_said(answers, *(_id(chosen[role]) for role in ("reference", "a", "b")))


def _members(found: Mapping[str, Any]) -> None:
    why_here = found["explanation"]
    competence = why_here["competence"]
    columns = ["Member", "Says", "To A", "To B", "Weight here"]
    columns += ["Expected right here"] * (competence is not None)
    rows = []
    for name, (to_a, to_b) in found["member_distances"].items():
        vote = found["votes"][name]
        cells = [
            name,
            tables.tag(str(vote)) if vote is not None else tables.quiet("tie"),
            f"{to_a:.3f}",
            f"{to_b:.3f}",
            f"{why_here['weights'][name]:.3f}".replace("-", "−"),
        ]
        if competence is not None:
            cells.append(words.percent(competence[name], 0))
        rows.append(cells)
    tables.section("What each member says")
    tables.table(columns, rows, numbers=columns[2:], caption="Answers of the members")


def _pulls(ensemble: Ready, found: Mapping[str, Any]) -> None:
    pull = questions.pull_of(ensemble, found)
    tables.section("Who pulls which way")
    total = sum(pull.values())
    side = "A" if total < 0 else "B" if total > 0 else "neither"
    figures.figure(
        pulls(pull, dark=jobs_view.is_dark()),
        key="ask_pulls",
        name=f"pulls {ensemble.info.name}",
        data=[{"member": name, "pull": value} for name, value in pull.items()],
        alt=f"Each member's share of the decision; together they pull towards {side} by "
        f"{abs(total):.3f}. Strongest: {next(iter(pull))}.",
    )
