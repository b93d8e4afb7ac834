"""Choose sets and a backbone, press train, watch the jobs, find the models."""

from __future__ import annotations

from functools import partial

import streamlit as st

from cssim.services import experiments
from cssim.ui import cached, jobs_view, runtime, session, tables, train_form, widgets
from cssim.ui.models import views

user = session.require("researcher")

ws = runtime.workspace()
widgets.header("Train", "A CS model learns the judgement of people in one context.")
with widgets.errors():
    found = cached.summaries(ws)
    models = experiments.list_models(ws)
    backbones = cached.backbones(ws, tuple(sorted({model.backbone for model in models})))
    left, right = st.columns([3, 2], gap="large")
    with left:
        if train_form.sets_to_train(found):
            asked = train_form.draw(found, backbones, models, ws.settings.models)
            if asked:
                submit = partial(train_form.submit, ws, asked, user.id)
                jobs_view.start(ws, submit, "Training is queued.")
        else:
            widgets.empty(
                "No answers to train on yet",
                "A model is trained on a set with answers: label one, or import answers that you "
                "have.",
                icon=":material/model_training:",
            )
            widgets.page_link("library", "To the library", icon=":material/photo_library:")
    with right:
        tables.section("Jobs")
        jobs_view.board(
            ws,
            ("train", "embed", "export", "import"),
            key="train",
            empty="Nothing runs. What you start is shown here while it works.",
        )
    views.draw(ws, user, models, found, backbones)
