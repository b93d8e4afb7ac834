"""One model's card: what it is, on what it was trained, how well it does, what it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from cssim.services import card_text, cards
from cssim.services.cards import Accuracy, Card
from cssim.services.workspace import Workspace
from cssim.types import ModelInfo, Person
from cssim.ui import jobs_view, tables, words
from cssim.ui.models import listing, manage

LOCAL = "local: pages held out from its own sets"


def choose(models: Sequence[ModelInfo], wanted: ModelInfo | None) -> ModelInfo:
    """The model whose card is shown, which the address remembers; the newest at first."""
    by_id = {model.id: model for model in reversed(models)}
    ids = list(by_id)
    chosen = st.selectbox(
        "Model",
        ids,
        index=ids.index(wanted.id) if wanted else 0,
        format_func=lambda i: by_id[i].name,
        key="models_chosen",
    )
    st.query_params["model"] = str(chosen)
    return by_id[chosen or ids[0]]


def draw(ws: Workspace, user: Person, model: ModelInfo) -> None:
    """The card, and what can be done with the model."""
    card = cards.model_card(ws, model.name)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(words.plain_markdown(model.name), anchor=False, width="content")
        st.badge(words.MODEL_KINDS[model.kind], color="blue")
        if card.archived:
            st.badge("archived", color="gray")
    for problem in card.problems:
        st.warning(words.plain_markdown(problem), icon=":material/warning:")
    left, right = st.columns([2, 3], gap="large")
    with left:
        facts("What it is", _what(card))
        facts("What it took", took(card))
        if card.data:
            facts(
                "Its data",
                [(_data(name), f"{n:,}") for name, n in card.data.items() if n or name == "ties"],
            )
    with right:
        _agreement(card)
        if len(card.curve) > 1:
            jobs_view.draw_curves(card.curve, key=f"models_curves_{model.id}", name=model.name)
    if model.config:
        with st.expander("All settings of its training"):
            rows = [[name.replace("_", " "), value(given)] for name, given in model.config.items()]
            tables.table(("Setting", "Value"), rows, caption="Settings of the training")
    manage.draw(ws, user, card)


def facts(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Names and values in two columns under a small heading; empty values are left out."""
    body = "".join(
        f'<div style="display:flex;gap:.8rem;padding:.16rem 0"><span class="cs-quiet" '
        f'style="flex:0 0 9rem">{tables.markup(name)}</span><span style="min-width:0;'
        f'overflow-wrap:anywhere">{tables.markup(text)}</span></div>'
        for name, text in rows
        if text
    )
    tables.style()
    st.markdown(f"**{title}**")
    st.html(f'<div style="font-size:.92rem">{body}</div>')


def _what(card: Card) -> list[tuple[str, str]]:
    model, config = card.model, card.model.config
    learned = str(config.get("adapter", ""))
    if learned in ("lora", "head"):
        learned = f"{'LoRA' if learned == 'lora' else 'head'}, rank {config.get('rank')}"
    elif learned == "full":
        learned = "all weights"
    blocks = config.get("last_blocks")
    if learned and config.get("adapter") != "head":
        learned += f", last {words.count(blocks, 'block')}" if blocks else ", all blocks"
    return [
        ("Backbone", listing.short_name(model.backbone)),
        ("Learned", learned),
        ("Trained on", ", ".join(card.trained_on)),
        ("Held out by", str(config.get("split", ""))),
        ("Fingerprint of data", model.data_fingerprint),
        ("Fingerprint of weights", model.fingerprint),
        ("Made", f"{model.created_at:%Y-%m-%d %H:%M} UTC" if model.created_at else ""),
    ]


def took(card: Card) -> list[tuple[str, str]]:
    """What the training took, in words."""
    known = card.facts
    epochs, best = known["epochs"], known["best_epoch"]
    seconds, speed = known["seconds"], known["triples_per_second"]
    return [
        ("Parameters trained", f"{known['parameters']:,}" if known["parameters"] else ""),
        ("Size on disk", f"{card.bytes / 1e6:,.2f} MB" if card.bytes else ""),
        ("Time", words.duration(seconds) if seconds else ""),
        ("Speed", f"{words.count(round(speed), 'triple')} per second" if speed else ""),
        ("Epochs", f"{epochs}, of which {best} is kept" if epochs else ""),
        ("Embedding", words.count(known["dim"], "number") if known["dim"] else ""),
        ("Machine", str(known["machine"] or "")),
        ("Code", str(known["code"] or "")),
        ("Job", str(known["job"] or "")),
    ]


def _agreement(card: Card) -> None:
    """Local and global accuracy, with intervals; what is not measured says how to measure it."""
    st.markdown("**Agreement with people**")
    rows = [accuracy_row(f"global: {one.where}", one) for one in card.elsewhere]
    if card.local is not None:
        rows.insert(0, accuracy_row(LOCAL, card.local))
    if rows:
        columns = ("Where", "Accuracy", "95 % interval", "Triples", "References")
        tables.table(columns, rows, numbers=columns[1:], caption="Agreement with people")
    ranking = card.model.metrics.get("ranking_accuracy")
    if card.local is not None and ranking is not None:
        untrained = words.percent(card.model.metrics.get("accuracy_untrained"))
        st.caption(
            f"Local, untrained: {untrained}; by its ranking block: {words.percent(ranking)}. The "
            "pages held out also chose the epoch. Local intervals are Wilson's over triples, "
            "global ones by reference."
        )
    elif card.model.config and card.local is None:
        st.caption("Nothing was held out in training, so there is no local accuracy.")
    if not card.elsewhere:
        st.caption("Not measured on other references yet: **Compare** does that.")


def accuracy_row(where: str, one: Accuracy) -> list[str]:
    """A row of the table of agreement."""
    known = one.low is not None and one.high is not None
    return [
        where,
        words.percent(one.value),
        f"{100 * one.low:.1f} to {100 * one.high:.1f}" if known else "",  # type: ignore[operator]
        f"{one.triples:,}",
        "" if one.references is None else f"{one.references:,}",
    ]


def _data(name: str) -> str:
    text = card_text.DATA.get(name, name)
    return text[:1].upper() + text[1:]


def value(given: Any) -> str:
    """A setting or number as text; a dash for none."""
    if given is None or given in ("", [], ()):
        return "–"
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, float):
        return f"{given:.4g}"
    if isinstance(given, list | tuple):
        return ", ".join(map(str, given))
    return f"{given:,}" if isinstance(given, int) else str(given)
