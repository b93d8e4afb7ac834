import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from cssim.errors import BadInput
from cssim.triples import triples_from
from cssim.types import Answer, ClusterKind, JudgementKind, Page, PageMode
from db import annotations, imports, library, whole_log
from db.annotations import NewJudgement, NewPage
from db.models import PageRow, PersonRow

ANSWER, TIE = JudgementKind.ANSWER, JudgementKind.TIE
FIRST = Answer(ANSWER, (0, 1))


class World:
    """A project with ten images and one cluster."""

    def __init__(self, database):
        self.database = database
        with database.writing() as session:
            self.project = library.ensure_project(session, "p").id
            groups = [(f"i{i}",) for i in range(10)]
            self.images, _ = imports.ensure_names(session, self.project, groups, ())
            self.cluster = library.add_cluster(session, self.project, "c", ClusterKind.TEST).id

    def pages(self, *pages):
        with self.database.writing() as session:
            return annotations.add_pages(session, self.project, self.cluster, pages)

    def judge(self, *judgements):
        with self.database.writing() as session:
            annotations.add_judgements(session, judgements)

    def done(self):
        with self.database.reading() as session:
            return dict(session.execute(select(PageRow.id, PageRow.done)).all())

    def log(self):
        with self.database.reading() as session:
            return annotations.judgements_of(session, [self.cluster])


@pytest.fixture
def world(database):
    return World(database)


def test_pages_come_back_in_their_order_with_candidates_in_theirs(world):
    r, a, b, c, *_ = world.images
    new = [NewPage(r, (c, a, b)), NewPage(a, (b, r), PageMode.CHOOSE, wanted=3)]
    ids = world.pages(*new)
    more = world.pages(NewPage(b, (a, c)))
    with world.database.reading() as session:
        pages = annotations.pages_of(session, [world.cluster])
        places = list(session.scalars(select(PageRow.position).order_by(PageRow.id)))
        wanted = list(session.scalars(select(PageRow.wanted).order_by(PageRow.id)))
        assert annotations.pages_by_id(session, [ids[1], 999]) == {ids[1]: pages[1]}
    assert pages == [
        Page(ids[0], world.cluster, r, (c, a, b)),
        Page(ids[1], world.cluster, a, (b, r), PageMode.CHOOSE),
        Page(more[0], world.cluster, b, (a, c)),
    ]
    assert places == [0, 1, 2]
    assert wanted == [1, 3, 1]


def test_a_page_that_cannot_be_shown_is_not_added(world):
    with pytest.raises(BadInput):
        NewPage(world.images[0], (world.images[0], world.images[1]))


def test_a_page_needs_images_that_exist(world):
    with pytest.raises(IntegrityError):
        world.pages(NewPage(world.images[0], (world.images[1], 999_999)))
    assert world.done() == {}


def test_a_judgement_comes_back_as_it_went_in(world):
    r, a, b, c, *_ = world.images
    (page,) = world.pages(NewPage(r, (a, b, c)))
    with world.database.writing() as session:
        people, _ = annotations.ensure_imported_people(session, ["Ann"])
    given = NewJudgement(
        page,
        Answer(ANSWER, (2, 0, 1), (3, 5, 1)),
        person_id=people["Ann"],
        votes=4,
        response_ms=1234,
        shown=(1, 2, 0),
        client_id="abc",
        late=True,
        flag="blurred",
        source="import",
        extra={"set": "x", "n": 1},
        answered_at=datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2))),
    )
    world.judge(given)
    with world.database.reading() as session:
        (logged,) = whole_log.log_of(session, [world.cluster])
    (judgement,) = world.log()
    assert logged.judgement == judgement
    assert judgement.answer == given.answer
    for name in ("page_id", "person_id", "votes", "response_ms", "shown", "supersedes"):
        assert getattr(judgement, name) == getattr(given, name)
    for name in ("late", "flag", "client_id", "source", "extra"):
        assert getattr(logged, name) == getattr(given, name)
    assert logged.answered_at == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert (logged.person, logged.superseded, logged.simulated) == ("Ann", False, False)
    assert judgement.created_at.tzinfo is not None


def test_the_counter_counts_standing_answers_and_ties(world):
    r, a, b, *_ = world.images
    one, two, three = world.pages(*[NewPage(r, (a, b), PageMode.CHOOSE)] * 3)
    world.judge(
        NewJudgement(one, FIRST, votes=3),
        NewJudgement(one, Answer(TIE)),
        NewJudgement(two, Answer(JudgementKind.SKIP)),
    )
    assert world.done() == {one: 2, two: 0, three: 0}
    first = world.log()[0].id
    world.judge(NewJudgement(one, Answer(JudgementKind.RETRACT), supersedes=first))
    assert world.done() == {one: 1, two: 0, three: 0}
    world.judge(NewJudgement(three, FIRST))
    corrected = world.log()[-1].id
    world.judge(NewJudgement(three, Answer(ANSWER, (1, 0)), supersedes=corrected))
    assert world.done() == {one: 1, two: 0, three: 1}


def test_one_judgement_gives_its_id(world):
    r, a, b, *_ = world.images
    (page,) = world.pages(NewPage(r, (a, b), PageMode.CHOOSE))
    with world.database.writing() as session:
        id_ = annotations.add_judgement(session, NewJudgement(page, FIRST))
    assert [judgement.id for judgement in world.log()] == [id_]
    assert world.done() == {page: 1}


def test_a_judgement_can_be_superseded_once_only(world):
    r, a, b, *_ = world.images
    (page,) = world.pages(NewPage(r, (a, b), PageMode.CHOOSE))
    world.judge(NewJudgement(page, FIRST))
    later = NewJudgement(page, Answer(TIE), supersedes=world.log()[0].id)
    world.judge(later)
    with pytest.raises(IntegrityError):
        world.judge(later)
    with world.database.reading() as session:
        log = whole_log.log_of(session, [world.cluster])
    assert [logged.superseded for logged in log] == [True, False]


def test_a_client_id_counts_once(world):
    r, a, b, *_ = world.images
    (page,) = world.pages(NewPage(r, (a, b), PageMode.CHOOSE))
    answer = NewJudgement(page, FIRST, client_id="same")
    world.judge(answer)
    with pytest.raises(IntegrityError):
        world.judge(answer)
    assert len(world.log()) == 1


def test_the_log_of_a_cluster_is_its_own(world):
    r, a, b, *_ = world.images
    (page,) = world.pages(NewPage(r, (a, b), PageMode.CHOOSE))
    world.judge(NewJudgement(page, FIRST), NewJudgement(page, Answer(TIE)))
    with world.database.writing() as session:
        other = library.add_cluster(session, world.project, "other", ClusterKind.GOLD).id
        (foreign,) = annotations.add_pages(session, world.project, other, [NewPage(a, (r, b))])
        answer = NewJudgement(foreign, Answer(ANSWER, (0, 1), (1, 2)))
        annotations.add_judgements(session, [answer])
    with world.database.reading() as session:
        assert len(annotations.judgements_of(session, [world.cluster])) == 2
        assert len(annotations.judgements_of(session, [world.cluster, other])) == 3
        (found,) = annotations.judgements_of(session, [other])
        assert annotations.pages_of(session, []) == []
        assert annotations.judgements_of(session, []) == []
    assert found.page_id == foreign


def test_imported_people_are_made_once_and_marked(world):
    with world.database.writing() as session:
        first, made = annotations.ensure_imported_people(session, ["Ann", "Bob", "Ann"])
    with world.database.writing() as session:
        second, more = annotations.ensure_imported_people(session, ["Bob", "Cem"])
        imported = list(session.scalars(select(PersonRow.imported)))
    assert (made, more) == (2, 1)
    assert second["Bob"] == first["Bob"]
    assert imported == [True, True, True]


def test_rows_and_triples_agree_after_the_way_through_the_database(world):
    r, a, b, c, *_ = world.images
    (page,) = world.pages(NewPage(r, (a, b, c)))
    answer = Answer(ANSWER, (2, 0, 1), (3, 5, 1))
    world.judge(NewJudgement(page, answer))
    with world.database.reading() as session:
        pages = annotations.pages_of(session, [world.cluster])
    direct = triples_from([Page(page, world.cluster, r, (a, b, c))], world.log())
    assert triples_from(pages, world.log()).fingerprint == direct.fingerprint


def test_thirty_thousand_labels_go_in_within_the_budget(world):
    r, *others = world.images
    pairs = [(x, y) for x in others for y in others if x != y]
    n = 30_000 if world.database.dialect == "sqlite" else 3_000
    pages = [NewPage(r, pairs[i % len(pairs)], PageMode.CHOOSE) for i in range(n)]
    template = NewJudgement(0, FIRST, source="import")
    start = time.perf_counter()
    with world.database.writing() as session:
        ids = annotations.add_pages(session, world.project, world.cluster, pages)
        annotations.add_judgements(session, [replace(template, page_id=id_) for id_ in ids])
    seconds = time.perf_counter() - start
    assert sum(world.done().values()) == len(world.log()) == n
    # 1.4 s on SQLite where it was written; a busy machine may take five times as long.
    assert seconds < 10
