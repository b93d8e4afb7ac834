"""Which reference: the image large, where it stands, how often each model is right about it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import streamlit as st

from cssim.plots.reference import accuracy_here
from cssim.services import selections
from cssim.services.one_reference import About, Judge
from cssim.types import Image
from cssim.ui import figures, jobs_view, tables, widgets, words
from cssim.ui.shell import page_path

PICTURE = 512
"""Width of the large picture's file, in pixels."""


def picture(about: About) -> None:
    """The image, its names and tags, and the clusters in which it stands."""
    image = about.image
    name = tables.markup(image.name)
    if image.available:
        st.html(
            f'<a href="{tables.source(image, tables.LARGE)}" target="_blank" rel="noopener">'
            f'<img src="{tables.source(image, PICTURE)}" alt="{name}" style="width:100%;'
            "max-width:24rem;max-height:24rem;object-fit:contain;border-radius:12px;display:block;"
            'background:color-mix(in srgb,currentColor 6%,transparent)"></a>'
        )
    elif image.withdrawn:
        widgets.empty(
            "Withdrawn",
            "This picture was taken back and is gone for good. Answers about it are kept and not "
            "counted.",
            icon=":material/delete_forever:",
        )
    else:
        widgets.empty("No pixels here", "Only its name is known from labels.")
    tables.style()
    others = [tables.quiet(f"also {other}") for other in about.names if other != image.name]
    size = f"{image.width} × {image.height} pixels, " if image.width else ""
    st.html(
        f"<div><strong>{name}</strong> "
        + tables.words(*(tables.tag(tag) for tag in image.tags))
        + "<br>"
        + tables.lines(tables.quiet(f"{size}image {image.id}"), *others)
        + "</div>"
    )
    places(about)


def places(about: About) -> None:
    """In which sets it is a reference, and in which a candidate."""
    if not about.places:
        st.caption("It stands on no page yet.")
        return
    rows = [
        [
            tables.words(one.cluster.name, tables.tag(words.CLUSTER_KINDS[one.cluster.kind])),
            f"{one.as_reference:,}" if one.as_reference else "",
            f"{one.as_candidate:,}" if one.as_candidate else "",
        ]
        for one in about.places
    ]
    columns = ("Set", "Pages about it", "As a candidate")
    tables.table(columns, rows, numbers=columns[1:], caption="Sets in which this image stands")


def accuracies(found: Sequence[Judge], triples: int, overall_name: str) -> None:
    """How often each model and ensemble agrees with people here, against its usual."""
    known = sorted(
        (one for one in found if one.answered), key=lambda one: (-one.accuracy, one.name)
    )
    if not known:
        st.caption("No model has embedded these pictures yet, so none can be judged here.")
        return
    best, worst = known[0], known[-1]
    figures.figure(
        accuracy_here(
            [(_label(o), o.kind, o.accuracy, o.low, o.high, o.overall) for o in known],
            dark=jobs_view.is_dark(),
        ),
        key="reference_accuracy",
        name="accuracy here",
        data=lambda: [
            {
                "name": one.name,
                "kind": one.kind,
                "accuracy_here": one.accuracy,
                "low": one.low,
                "high": one.high,
                "triples": one.answered,
                "accuracy_overall": one.overall,
                "trained_on_it": one.trained_here,
                "fitted_on_it": one.fitted_here,
            }
            for one in known
        ],
        alt=f"Accuracy of {words.count(len(known), 'model')} on {words.count(triples, 'triple')} "
        f"of this reference. Best: {best.name} with {100 * best.accuracy:.0f} per cent; last: "
        f"{worst.name} with {100 * worst.accuracy:.0f} per cent.",
    )
    seen = [one.name for one in known if one.trained_here]
    away = [one.name for one in known if not math.isnan(one.overall) and _surprises(one)]
    parts = [
        f"Points: accuracy on its {words.count(triples, 'triple')} with Wilson's 95 % interval, "
        "as if they were independent; those of one page are not, so it is too narrow. Strokes: "
        f"accuracy on {overall_name}."
    ]
    if away:
        parts.append(f"Outside its interval lies the usual accuracy of {', '.join(away)}.")
    if any(one.fitted_here for one in known):
        parts.append(
            "* Its weights were fitted on these very answers, so it looks too good here and "
            "overall: the page Ensembles has honest estimates."
        )
    if seen:
        parts.append(f"Trained on answers about this very reference: {', '.join(seen)}.")
    st.caption(words.plain_markdown(" ".join(parts)))


def _label(one: Judge) -> str:
    return f"{one.name} *" if one.fitted_here else one.name


def _surprises(one: Judge) -> bool:
    return one.overall < one.low or one.overall > one.high


def onward(image_id: int, references: Sequence[tuple[Image, int]]) -> None:
    """Buttons to the references before and after this one, within a row of the page."""
    ids = [one.id for one, _ in references]
    if not ids:
        return
    at = ids.index(image_id) if image_id in ids else None
    before = ids[at - 1] if at is not None else ids[-1]
    after = ids[(at + 1) % len(ids)] if at is not None else ids[0]
    names = {one.id: one.name for one, _ in references}
    for label, other, icon in (
        ("Previous", before, ":material/arrow_back:"),
        ("Next", after, ":material/arrow_forward:"),
    ):
        if st.button(
            label,
            key=f"reference_{label}",
            icon=icon,
            type="tertiary",
            help=words.plain_markdown(names[other]),
        ):
            st.query_params["image"] = str(other)
            st.rerun()
    if at is not None:
        st.caption(f"{at + 1:,} of {words.count(len(ids), 'answered reference')}", width="content")


def to_regions(image_id: int) -> None:
    """A link to the map of regions with this reference picked."""
    st.page_link(
        page_path("regions"),
        label="See it on the map of regions",
        icon=":material/scatter_plot:",
        query_params={"ids": selections.encode([image_id])},
    )


def gallery(references: Sequence[tuple[Image, int]], limit: int = 48) -> None:
    """Answered references to begin with, each leading to its page."""
    tables.style()
    cells = "".join(
        f'<figure><a href="/reference?image={image.id}" target="_self">'
        f'<img src="{tables.source(image)}" alt="{tables.markup(image.name)}" loading="lazy"></a>'
        f"<figcaption>{tables.markup(image.name)}<br>{words.count(answers, 'answer')}"
        "</figcaption></figure>"
        for image, answers in references[:limit]
        if image.available
    )
    st.html(f'<div class="cs-grid">{cells}</div>')
    if len(references) > limit:
        st.caption(f"The first {limit} of {len(references):,}; find others by name above.")
