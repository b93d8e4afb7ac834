"""The known truth on the comparison page: a bound with its meaning, never a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pytest

from cssim.evaluation.compare import TRUTH, compare
from cssim.evaluation.report import CompareSettings, Contender
from cssim.services import jobs
from cssim.services.workspace import Workspace
from cssim.types import Role
from cssim.ui import runtime
from db import runs
from tests.ui.looking import look, markup, said, sign_in


@pytest.fixture
def ws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setattr(jobs, "ensure_worker", lambda settings: None)
    opened = runtime.workspace()
    sign_in(opened, monkeypatch, Role.RESEARCHER)
    yield opened
    runtime.close()


def test_the_row_says_what_it_is_and_leads_to_no_run(ws: Workspace) -> None:
    rng = np.random.default_rng(0)
    reference = rng.integers(0, 40, 600)
    credits = {"plain": (rng.random(600) < 0.6).astype(float)}
    settings = CompareSettings(draws=200, flips=200)
    comparison = compare(
        [Contender("plain")], credits, reference, settings=settings, truth=np.full(600, 0.875)
    )
    asked = {"clusters": [], "models": [], "ensembles": [], "settings": asdict(settings)}
    with ws.database.writing() as session:
        result = comparison.to_dict()
        runs.add_evaluation(
            session, ws.project.id, "made", [], settings=asked, result=result, fingerprint="f"
        )
    app = look("compare")
    html = markup(app)
    start = html.index(TRUTH)
    row = html[html.rindex("<tr", 0, start) : html.index("</tr>", start)]
    assert "bound" in row
    assert "87.5" in row
    assert "no model beats it in the long run" in row
    assert "<a " not in row
    assert "at the truth behind the simulated answers" in said(app)
    assert "human ceiling." not in said(app).replace("No human ceiling", "")
