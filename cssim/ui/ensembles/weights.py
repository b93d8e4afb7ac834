"""Who speaks where: the weight of each member over image space."""

from __future__ import annotations

import streamlit as st

from cssim.plots.ensembles import weights_map
from cssim.services import answering, mapping
from cssim.services.answering import Ready
from cssim.services.vectors import Shelf
from cssim.ui import figures, jobs_view, tables, words


def draw(shelf: Shelf, ensemble: Ready) -> None:
    """The map, or why there is none, and the mean weights."""
    members = answering.member_names(shelf, ensemble)
    chart = mapping.weights_over(shelf, ensemble)
    if chart is None:
        st.info(
            f"**{words.plain_markdown(ensemble.info.name)}** gives its members the same weights "
            "everywhere: its strategy does not look at the reference. Strategies that do are the "
            "maps, the networks, nearest references, Gaussian process and gated stacking.",
            icon=":material/info:",
        )
        _mean(ensemble, members)
        return
    most = mapping.heaviest(chart, members)
    st.caption(
        "Each dot is a validation reference, at its place in the plane of the first two principal "
        f"components of {words.plain_markdown(chart.encoder)}. "
        + (
            "The field below is the weight that the member gets at that place; it is empty where "
            "no validation reference is near, and there all members weigh the same."
            if chart.field is not None
            else "Its colour is the member's weight there. There is no field below: these "
            "weights look at the whole embedding, not at the plane alone, so neighbours on the "
            "map may differ."
        )
    )
    figures.figure(
        weights_map(
            chart.points,
            chart.weights,
            members,
            chart.names,
            field=chart.field,
            edges=chart.edges,
            dark=jobs_view.is_dark(),
        ),
        key="ensembles_weights_map",
        name=f"weights {ensemble.info.name}",
        data=lambda: mapping.weight_rows(chart, members),
        alt=f"Weights of {words.count(len(members), 'member')} over "
        f"{words.count(len(chart.points), 'validation reference')}. On average {', '.join(most)} "
        "weigh most.",
    )
    _mean(ensemble, members)


def _mean(ensemble: Ready, members: tuple[str, ...]) -> None:
    tables.section("Mean weights")
    fitted = ensemble.fitted
    rows = [
        [member, f"{weight:.3f}".replace("-", "−"), f"{spread:.3f}"]
        for member, weight, spread in zip(members, fitted.weights, fitted.spreads, strict=True)
    ]
    rows.sort(key=lambda row: -abs(float(row[1].replace("−", "-"))))
    tables.table(
        ("Member", "Weight", "Unit of its distances"),
        rows,
        numbers=("Weight", "Unit of its distances"),
        caption="Mean weight of each member",
    )
    st.caption(
        "A member's distances are divided by their unit before they are weighed: its spread on "
        "the validation triples, or 1 where the strategy weighs raw distances."
    )
