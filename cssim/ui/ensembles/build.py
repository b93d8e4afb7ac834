"""Build an ensemble: members, strategy and set, with what to expect of it while one chooses."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cssim.errors import BadInput
from cssim.plots.ensembles import score_plot
from cssim.services import estimate_jobs, estimating, experiments, jobs, leakage_notes, offers
from cssim.services.estimating import Estimate, Setup
from cssim.services.library import ClusterSummary
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, ModelInfo, ModelKind, Person
from cssim.ui import figures, jobs_view, shelves, tables, widgets, words
from cssim.ui.ensembles import watching

_JOBS = "ensembles_estimates"
"""Session state: the job that estimates a setup, by setup."""


def draw(
    ws: Workspace, user: Person, models: Sequence[ModelInfo], found: Sequence[ClusterSummary]
) -> None:
    """The form on the left; on the right the estimate, which follows each change."""
    if len(models) < 2:
        widgets.empty(
            "An ensemble needs two models or more",
            "Train CS models, or add frozen backbones, on the page **Train**.",
            icon=":material/hub:",
        )
        return
    st.fragment(_form)(ws, user, tuple(models), tuple(found))


def _form(
    ws: Workspace, user: Person, models: Sequence[ModelInfo], found: Sequence[ClusterSummary]
) -> None:
    left, right = st.columns([5, 6], gap="large")
    with left:
        name = st.text_input("Name", key="ensemble_name", placeholder="e.g. all CS models")
        members = _members(models)
        strategy = _strategy()
        fit_on = _fit_on(found, strategy)
        features = _features(models, strategy)
        needs = offers.strategy_titles()[strategy][1]
        pressed = st.button(
            "Build the ensemble",
            key="ensemble_go",
            type="primary",
            icon=":material/hub:",
            disabled=not name.strip() or not members or (needs and not fit_on),
        )
    with right, widgets.errors():
        _expected(ws, user, members, strategy, fit_on, features)
    if pressed:
        jobs_view.start(
            ws,
            lambda: experiments.request_ensemble(
                ws,
                name.strip(),
                members,
                strategy=strategy,
                fit_on=fit_on,
                features=features,
                by=user.id,
            ),
            "The ensemble is queued.",
        )


def _members(models: Sequence[ModelInfo]) -> list[str]:
    kinds = {model.name: words.MODEL_KINDS[model.kind] for model in models}
    trained = [model.name for model in models if model.kind is ModelKind.CS]
    return st.multiselect(
        "Members",
        list(kinds),
        default=trained or list(kinds),
        format_func=lambda name: name if name in trained else f"{name} ({kinds[name]})",
        wrap=True,
        key=f"ensemble_members_{len(models)}",
    )


def _strategy() -> str:
    titles = offers.strategy_titles()
    return st.selectbox(
        "Combined by",
        list(titles),
        index=list(titles).index("uniform"),
        format_func=lambda key: titles[key][0],
        key="ensemble_strategy",
    )


def _fit_on(found: Sequence[ClusterSummary], strategy: str) -> list[str]:
    """Validation sets, and gold ones; never a test set."""
    sets = [
        one.cluster.name
        for one in sorted(found, key=lambda one: one.cluster.kind is not ClusterKind.VALIDATION)
        if one.triples
        and not one.missing_images
        and one.cluster.kind in (ClusterKind.VALIDATION, ClusterKind.GOLD)
    ]
    needs = offers.strategy_titles()[strategy][1]
    if not sets:
        st.caption(
            "There is no validation set with answers yet"
            + (": this strategy is fitted on one." if needs else ", so nothing can be estimated.")
        )
        return []
    return st.multiselect(
        "Fitted on",
        sets,
        default=sets[:1],
        key="ensemble_fit",
        help="Weights, and how sure the ensemble is, are fitted on the answers of these sets; "
        "without one it states no confidence. Test sets are never offered.",
        placeholder="no validation set",
    )


def _features(models: Sequence[ModelInfo], strategy: str) -> str | None:
    """Who looks at references, where that matters."""
    if strategy not in estimating.looking_strategies():
        return None
    frozen = [m.name for m in models if m.kind in (ModelKind.FROZEN, ModelKind.METRIC)]
    if not frozen:
        return None
    return st.selectbox(
        "References are seen by",
        frozen,
        key="ensemble_features",
        help="Weights depend on what this model sees in the reference. It was trained on no "
        "answer, so that it cannot know what the members know.",
    )


def _expected(
    ws: Workspace,
    user: Person,
    members: Sequence[str],
    strategy: str,
    fit_on: Sequence[str],
    features: str | None,
) -> None:
    tables.section("What to expect")
    if not members or not fit_on:
        st.caption("Choose members and a validation set: the estimate appears here.")
        return
    setup = estimating.setup_of(ws, members, strategy, fit_on, features=features)
    try:
        found = shelves.estimate(ws, setup)
    except BadInput as error:
        _by_job(ws, user, setup, str(error))
        return
    if found is None:
        title = offers.strategy_titles()[strategy][0]
        _by_job(ws, user, setup, f"{title} takes longer than a page can wait; a worker does it.")
        return
    _leakage(ws, setup)
    _draw(found.estimate, members)
    _every(ws, members, fit_on, features, strategy)


def _leakage(ws: Workspace, setup: Setup) -> None:
    """What the members have seen of these answers: grave leaks as a warning, small ones below."""
    found = leakage_notes.of_members(ws, setup)
    grave = [name for name, leak in found.items() if leak.trained_on_it]
    if grave:
        st.warning(
            f"Trained on these very answers: {words.plain_markdown(', '.join(grave))}. The "
            "estimate is too good; fit on answers that no member has seen.",
            icon=":material/warning:",
        )
    small = [f"{name} {leak}" for name, leak in found.items() if not leak.trained_on_it]
    if small:
        st.caption(f"Seen in training: {words.plain_markdown('; '.join(small))}.")


def _by_job(ws: Workspace, user: Person, setup: Setup, reason: str) -> None:
    running = st.session_state.setdefault(_JOBS, {})
    if setup in running:
        done = watching.finished(ws, running[setup], key="estimate", forget=lambda: _forget(setup))
        if done is not None:
            del running[setup]  # what it left is out of date already: ask again
            st.rerun()
        return
    st.caption(words.plain_markdown(reason))
    if st.button("Estimate it", key="ensemble_estimate", icon=":material/calculate:"):
        running[setup] = estimate_jobs.request(ws, setup, by=user.id)
        jobs.ensure_worker(ws.settings)
        st.rerun()


def _forget(setup: Setup) -> None:
    st.session_state[_JOBS] = {k: v for k, v in st.session_state[_JOBS].items() if k != setup}


def _draw(found: Estimate, members: Sequence[str]) -> None:
    first, second = st.columns(2)
    score = found.ensemble
    first.metric(
        "Estimated accuracy",
        f"{100 * score.accuracy:.1f} %",
        help="Expected agreement with one more person.",
    )
    first.caption(f"95 % interval {100 * score.low:.1f} to {100 * score.high:.1f}")
    second.metric(f"Against {words.plain_markdown(found.best)}", points(found.difference))
    second.caption(
        f"{points(found.difference_low)} to {points(found.difference_high)}, p "
        f"{'< .001' if found.p < 0.001 else f'= {found.p:.3f}'}"
    )
    st.caption(
        f"{words.count(found.triples, 'triple')} of {words.count(found.references, 'reference')}, "
        f"in {words.count(found.folds, 'fold')}: each reference is answered by a fit that never "
        "saw it. The best member is chosen in hindsight on the same answers, which flatters it; "
        "trying many settings here flatters the ensemble. A test set is opened on the page "
        f"Compare. {found.caveat}"
    )
    rows = [("the ensemble", score.accuracy, score.low, score.high)]
    weights = dict(zip(members, found.weights, strict=True))
    own = sorted(found.members, key=lambda one: -one.accuracy)
    rows += [(one.name, one.accuracy, one.low, one.high) for one in own]
    figures.figure(
        score_plot(rows, first="the ensemble", dark=jobs_view.is_dark()),
        key="ensemble_scores",
        name="ensemble estimate",
        data=[
            {"name": name, "accuracy": a, "low": low, "high": high, "weight": weights.get(name)}
            for name, a, low, high in rows
        ],
        alt=f"Estimated accuracy of the ensemble, {100 * score.accuracy:.1f} per cent, above its "
        f"members; the best of them, {found.best}, reaches {100 * own[0].accuracy:.1f}.",
    )


def points(share: float) -> str:
    """A difference of accuracies in points, with its sign."""
    return f"{100 * share:+.1f} points".replace("-", "−")


def _every(
    ws: Workspace,
    members: Sequence[str],
    fit_on: Sequence[str],
    features: str | None,
    chosen: str,
) -> None:
    """All strategies for the same members, on request: they take about a second together."""
    if not st.toggle("Estimate every strategy for these members", key="ensemble_every"):
        return
    titles = offers.strategy_titles()
    rows: list[tuple[float, list[str]]] = []
    for strategy, (title, _) in titles.items():
        setup = estimating.setup_of(ws, members, strategy, fit_on, features=features)
        found = shelves.estimate(ws, setup)
        mark = tables.words(title, tables.tag("chosen") if strategy == chosen else "")
        if found is None:
            rows.append((-1.0, [mark, tables.quiet("choose it to estimate it"), "", ""]))
            continue
        score = found.estimate.ensemble
        rows.append(
            (
                score.accuracy,
                [
                    mark,
                    f"{100 * score.accuracy:.1f}",
                    f"{100 * score.low:.1f} to {100 * score.high:.1f}",
                    points(found.estimate.difference),
                ],
            )
        )
    rows.sort(key=lambda row: -row[0])
    columns = ("Strategy", "Accuracy, %", "95 % interval", "Against the best member")
    tables.table(
        columns, [row for _, row in rows], numbers=columns[1:], caption="Estimates of strategies"
    )
    st.caption(
        "The best of thirteen estimates is too good by itself; differences within an interval are "
        "no reason to choose."
    )
