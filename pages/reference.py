"""One reference: everything about it, from its neighbours to who is right and why."""

from __future__ import annotations

import streamlit as st

from cssim.services import experiments, gallery, one_reference
from cssim.types import ClusterKind
from cssim.ui import chooser, jobs_view, runtime, session, shelves, tables, widgets
from cssim.ui.reference import head, neighbours, sending, triples, weights

user = session.require("researcher")

ws = runtime.workspace()
widgets.header("One reference", "Everything about one image as a reference.")
with widgets.errors():
    clusters, states = one_reference.list_sets(ws), gallery.cluster_states(ws)
    validation = tuple(
        one.id for one in clusters if one.kind is ClusterKind.VALIDATION and states[one.id][2]
    )
    picked = chooser.taken("reference_pick")
    if picked is not None:
        del st.session_state["reference_pick"]
        st.query_params["image"] = str(picked.image_id)
    wanted = one_reference.checked_id(st.query_params.get("image"))
    shelf = shelves.shelf(ws)
    references = shelves.answered(ws, validation)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Find another", key="reference_find", icon=":material/search:"):
            chooser.choose(ws, "reference_pick", "Its page is opened.", with_uploads=False)
        if wanted is not None:
            head.onward(wanted, references)
            head.to_regions(wanted)
    if wanted is None:
        if references:
            st.caption("References with answers; choose one to see everything about it.")
            head.gallery(references)
        else:
            widgets.empty(
                "No reference has answers yet",
                "Label pages of a validation set, or find any picture by its name.",
                icon=":material/image_search:",
            )
        st.stop()
    about = one_reference.about(ws, wanted)
    if about.image.withdrawn:
        head.picture(about)
        st.stop()
    mine = [one for one in about.places if one.as_reference]
    tests = [one for one in mine if one.cluster.kind is ClusterKind.TEST]
    left, right = st.columns([2, 3], gap="large")
    with left:
        head.picture(about)
        sending.draw(ws, user, about.image, sum(one.as_reference for one in mine))
        opened = bool(tests) and st.toggle(
            "Show its answers in test sets",
            key=f"reference_tests_{wanted}",
            help="Looking at single answers of a test set, and choosing models by them, spoils it.",
        )
    own_sets = tuple(one.cluster.id for one in mine if opened or one not in tests)
    here = one_reference.of_reference(shelves.triples(ws, own_sets), wanted)
    ensembles = experiments.list_ensembles(ws)
    found = []
    with right:
        tables.section("Who is right here")
        if len(here):
            found = shelves.judges(ws, here, validation or own_sets, wanted, ensembles)
            head.accuracies(found, len(here), "all validation references")
        elif tests and not opened:
            st.info(
                "It is a reference of a test set only: its answers are covered, so that nothing is "
                "chosen by them.",
                icon=":material/visibility_off:",
            )
        else:
            st.caption("Nobody has answered a page about it yet; send it to labelling.")
    tables.section("Nearest pictures under each model")
    with widgets.errors():
        neighbours.draw(ws, user, shelf, about.image)
    if len(here):
        tables.section("Its triples")
        triples.draw(shelf, about.image, here, found)
    tables.section("Weights for this reference, by every strategy")
    with widgets.errors():
        weights.draw(ws, user, shelf, about.image, validation, ensembles)
    tables.section("Jobs")
    jobs_view.board(
        ws, ("embed", "estimate"), key="reference", empty="Nothing runs that this page waits for."
    )
