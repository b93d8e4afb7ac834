"""Queries on sessions, links and tries: what counts, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cssim.types import Role
from db import sign_ins, users
from db.engine import Database

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_session_counts_while_it_lasts_and_its_person_is_active(database: Database) -> None:
    with database.writing() as session:
        ada = users.add_person(session, "Ada")
        sign_ins.add_sign_in(session, "a" * 64, ada.id, NOW + HOUR)
    with database.writing() as session:
        assert sign_ins.person_signed_in(session, "a" * 64, NOW) == (ada, None)
        assert sign_ins.person_signed_in(session, "a" * 64, NOW + HOUR) is None
        sign_ins.touch_sign_in(session, "a" * 64, NOW)
        assert sign_ins.person_signed_in(session, "a" * 64, NOW) == (ada, NOW)
        users.change_person(session, ada.id, active=False)
        assert sign_ins.person_signed_in(session, "a" * 64, NOW) is None


def test_what_has_expired_is_purged_and_the_rest_stays(database: Database) -> None:
    with database.writing() as session:
        ada = users.add_person(session, "Ada")
        sign_ins.add_sign_in(session, "a" * 64, ada.id, NOW - HOUR)
        sign_ins.add_sign_in(session, "b" * 64, ada.id, NOW + HOUR)
        sign_ins.purge_sign_ins(session, NOW)
        standing = sign_ins.sign_ins_of(session, ada.id, NOW - 2 * HOUR)
    assert [one.token_hash for one in standing] == ["b" * 64]


def test_sessions_end_one_by_one_all_but_one_or_all(database: Database) -> None:
    with database.writing() as session:
        ada, ben = users.add_person(session, "Ada"), users.add_person(session, "Ben")
        for letter in "abcd":
            sign_ins.add_sign_in(session, letter * 64, ada.id, NOW + HOUR, device=letter)
        sign_ins.add_sign_in(session, "e" * 64, ben.id, NOW + HOUR)
        assert not sign_ins.delete_sign_in(session, "a" * 64, person_id=ben.id)
        assert sign_ins.delete_sign_in(session, "a" * 64, person_id=ada.id)
        assert not sign_ins.delete_sign_in(session, "a" * 64)
        assert sign_ins.delete_sign_ins_of(session, ada.id, but="c" * 64) == 2
        assert [one.device for one in sign_ins.sign_ins_of(session, ada.id, NOW)] == ["c"]
        assert sign_ins.delete_sign_ins_of(session, ada.id) == 1
        assert len(sign_ins.sign_ins_of(session, ben.id, NOW)) == 1


def test_a_link_is_taken_once_only_in_time_and_only_as_what_it_is(database: Database) -> None:
    with database.writing() as session:
        ada = users.add_person(session, "Ada")
        for letter, until in (("a", NOW + HOUR), ("b", NOW - HOUR), ("c", NOW + HOUR)):
            sign_ins.add_link(session, letter * 64, "sign-in", until, person_id=ada.id)
        assert sign_ins.take_link(session, "a" * 64, "reset", NOW) is None
        assert sign_ins.find_link(session, "a" * 64, "sign-in", NOW) is not None
        taken = sign_ins.take_link(session, "a" * 64, "sign-in", NOW)
        assert taken is not None
        assert (taken.person_id, taken.used_at) == (ada.id, NOW)
        assert sign_ins.take_link(session, "a" * 64, "sign-in", NOW) is None
        assert sign_ins.take_link(session, "b" * 64, "sign-in", NOW) is None
        sign_ins.withdraw_links_of(session, ada.id, NOW)
        assert sign_ins.take_link(session, "c" * 64, "sign-in", NOW) is None


def test_an_invitation_is_withdrawn_while_it_is_open(database: Database) -> None:
    with database.writing() as session:
        until, role = NOW + HOUR, Role.RESEARCHER
        one = sign_ins.add_link(session, "a" * 64, "invitation", until, role=role, note="for Bo")
        two = sign_ins.add_link(session, "b" * 64, "invitation", until, role=role)
        sign_ins.take_link(session, "b" * 64, "invitation", NOW)
        withdrawn = sign_ins.withdraw_link(session, one.id, NOW)
        assert withdrawn is not None
        assert (withdrawn.note, withdrawn.withdrawn_at) == ("for Bo", NOW)
        assert sign_ins.withdraw_link(session, one.id, NOW) is None
        assert sign_ins.withdraw_link(session, two.id, NOW) is None
        assert [link.id for link in sign_ins.list_links(session, "invitation")] == [two.id, one.id]


def test_tries_are_counted_by_name_and_address_since_a_moment(database: Database) -> None:
    with database.writing() as session:
        for name, address, at in [
            ("Ada", "1", NOW),
            ("Ada", "2", NOW),
            ("Ben", "1", NOW),
            ("Ada", "1", NOW - HOUR),
        ]:
            sign_ins.add_attempt(session, name, address, at)
        since = NOW - HOUR / 2
        assert sign_ins.count_attempts(session, since, name="Ada") == 2
        assert sign_ins.count_attempts(session, since, address="1") == 2
        assert sign_ins.count_attempts(session, since, name="Ada", address="1") == 1
        sign_ins.clear_attempts(session, "Ada", "1", before=since)
        assert sign_ins.count_attempts(session, NOW - 2 * HOUR) == 2
