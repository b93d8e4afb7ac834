"""The practice round where a network fails, on each database."""

from __future__ import annotations

from cssim.config import Settings
from cssim.services import accounts, gold
from cssim.services.gold import GoldPage, KnownAnswer
from cssim.services.workspace import open_workspace
from cssim.types import Answer, JudgementKind, PageMode
from db import gold as rows
from tests.pages import add_pictures

LEFT, RIGHT = Answer(JudgementKind.ANSWER, (0, 1)), Answer(JudgementKind.ANSWER, (1, 0))


def test_of_several_answers_to_a_practice_page_the_first_is_kept(settings: Settings) -> None:
    """Who never got the feedback answers once more, and by then may know what was expected."""
    ws = open_workspace(settings)
    pictures = add_pictures(ws, 3)
    ada = accounts.add_person(ws, "Ada")
    known = KnownAnswer(LEFT)
    gold.make_gold(
        ws, "checks", [GoldPage(pictures[0], (pictures[1], pictures[2]), known, PageMode.CHOOSE)]
    )
    (page,) = gold.training_pages(ws, ada)
    assert not gold.check_training(ws, ada, page.page.id, RIGHT).right
    assert gold.check_training(ws, ada, page.page.id, LEFT).right
    with ws.database.reading() as session:
        assert rows.training_of(session, ws.project.id) == {ada.id: (1, 0.0)}
    ws.close()
