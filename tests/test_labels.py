import json
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssim import labels
from cssim.errors import BadLabels
from cssim.labels import TripleRow

HEADER = "ref,a,b,answer,n_a,n_b,annotator,response_ms,position,time\n"


def parse(text, **options):
    return labels.parse_triples(text.encode(), file="t.csv", **options)


def test_an_answer_is_read_with_who_when_how_long_and_where():
    row = 'r.png,x.png,y.png,B,,,ann,7262,"a=right,b=left",2015-05-29 07:35:01.531366\n'
    (found,) = parse(HEADER + row).rows
    assert found == TripleRow(
        "r.png", "x.png", "y.png", "B", annotator="ann", response_ms=7262, shown=(1, 0),
        time=datetime(2015, 5, 29, 7, 35, 1, 531366, tzinfo=UTC), line=2,
    )  # fmt: skip


def test_votes_and_ties_are_kept():
    table = parse(HEADER + "r,x,y,A,3,1,,,,\nr,x,z,tie,2,2,,,,\nr,y,z,tie,,,,,,\n")
    assert [(row.answer, row.n_a, row.n_b) for row in table.rows] == [
        ("A", 3, 1),
        ("tie", 2, 2),
        ("tie", None, None),
    ]


def test_the_answer_follows_from_the_votes_where_it_is_left_out():
    table = parse("ref,a,b,answer,n_a,n_b\nr,x,y,,1,4\n")
    assert table.rows[0].answer == "B"


def test_the_votes_are_enough():
    (row,) = parse("ref,a,b,n_a,n_b\nr,x,y,3,1\n").rows
    assert (row.answer, row.n_a, row.n_b) == ("A", 3, 1)
    with pytest.raises(BadLabels, match=r"and answer \(or n_a and n_b\), found no n_b"):
        parse("ref,a,b,n_a\nr,x,y,3\n")


def test_classes_are_read_where_somebody_gave_them():
    table = parse("ref,a,b,answer,class_a,class_b\nr,x,y,B,4,1\nr,x,z,tie,,\n")
    assert [(row.class_a, row.class_b) for row in table.rows] == [(4, 1), (None, None)]
    assert all(row.extra == {} for row in table.rows)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("r,x,y,A,,,2,", "from 1 (closest) to 5 in class_a and class_b, or neither"),
        ("r,x,y,A,,,cat,dog", "from 1 (closest) to 5"),
        ("r,x,y,A,,,1,12", "from 1 (closest) to 5"),
        ("r,x,y,tie,,,2,2", "no classes beside a tie"),
        ("r,x,y,A,2,1,1,2", "votes for both"),
        ("r,x,y,A,,,3,1", "classes that agree with the answer A"),
        ("r,x,y,B,,,1,3", "classes that agree with the answer B"),
    ],
)
def test_classes_that_cannot_be_are_refused(row, expected):
    with pytest.raises(BadLabels) as caught:
        parse(f"ref,a,b,answer,n_a,n_b,class_a,class_b\n{row}\n")
    assert expected in caught.value.faults[0].expected


def test_columns_without_a_meaning_are_carried_along():
    table = parse("set,ref,a,b,answer,extra\nmine,r,x,y,A,\n")
    assert table.columns == ("set", "ref", "a", "b", "answer", "extra")
    assert table.rows[0].extra == {"set": "mine"}


def test_a_time_with_a_zone_is_understood():
    table = parse("ref,a,b,answer,time\nr,x,y,A,2026-01-01T12:00:00+02:00\n")
    assert table.rows[0].time == datetime(2026, 1, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "expected", "found"),
    [
        ("r,x,y,C,,,,,,", "A, B, tie", "'C'"),
        ("r,x,y,,,,,,,", "A, B, tie", "''"),
        ("r,x,y,A,1,3,,,,", "the answer B, as the votes 1 to 3 say", "A"),
        ("r,x,y,tie,1,3,,,,", "the answer B", "tie"),
        ("r,x,y,A,2,2,,,,", "the answer tie", "A"),
        ("r,x,y,A,3,,,,,", "both n_a and n_b", "one"),
        ("r,x,y,tie,0,0,,,,", "at least one vote", "0 and 0"),
        ("r,x,y,A,-1,0,,,,", "whole number", "'-1'"),
        ("r,x,y,A,1.5,0,,,,", "whole number", "'1.5'"),
        ("r,x,x,A,,,,,,", "three different images", "'x'"),
        ("r,r,x,A,,,,,,", "three different images", "'r'"),
        ("r,,x,A,,,,,,", "a name in each", "''"),
        ("r,x,y,A,,,p,fast,,", "whole milliseconds", "'fast'"),
        ("r,x,y,A,,,,,left,", "a position", "left"),
        ("r,x,y,A,,,,,,yesterday", "a time", "'yesterday'"),
        ("r,x,y,A", "10 fields", "4"),
        ("r,x,y,A,,,,,,,", "10 fields", "11"),
    ],
)
def test_a_faulty_row_is_named_with_what_was_expected_and_found(row, expected, found):
    good = "r,x,y,A,,,,,,\n"
    with pytest.raises(BadLabels) as caught:
        parse(HEADER + good + row + "\n" + good)
    (fault,) = caught.value.faults
    assert (fault.file, fault.line) == ("t.csv", 3)
    assert expected in fault.expected
    assert found in fault.found
    table = parse(HEADER + good + row + "\n" + good, skip_bad=True)
    assert (len(table.rows), len(table.skipped)) == (2, 1)


def test_line_numbers_count_lines_of_the_file_and_not_rows():
    text = 'ref,a,b,answer,note\nr,x,y,A,"two\nlines"\nr,x,y,?,\n'
    with pytest.raises(BadLabels) as caught:
        parse(text)
    assert [fault.line for fault in caught.value.faults] == [4]


@pytest.mark.parametrize(
    "text", ["", "a,b\n", "ref,a,b\n", HEADER, "ref,a,b,answer,a\nr,x,y,A,x\n"]
)
def test_a_file_without_the_columns_or_without_rows_is_refused(text):
    with pytest.raises(BadLabels):
        parse(text)


def test_a_file_in_another_encoding_is_refused_and_a_byte_order_mark_is_not():
    with pytest.raises(BadLabels, match="UTF-8"):
        labels.parse_triples("ref,a,b,answer\nä,x,y,A\n".encode("latin-1"), file="t.csv")
    assert parse("\ufeffref,a,b,answer\nr,x,y,A\n").rows[0].ref == "r"


def test_two_spellings_of_one_letter_are_one_name():
    table = parse("ref,a,b,answer\nu\u0308.png,x,y,A\n\u00fc.png,x,y,A\n")
    assert table.rows[0].ref == table.rows[1].ref == "\u00fc.png"


def test_what_is_written_is_read_as_the_same_rows():
    text = (
        "set,ref,a,b,answer,n_a,n_b,annotator,response_ms,position,time,extra\r\n"
        "s,r,x,y,A,3,1,,,,,\r\n"
        's,r,x,y,tie,,,"Ann, B.",-12,"a=left,b=right",2026-01-01T00:00:00+00:00,\r\n'
    )
    table = parse(text)
    assert labels.format_triples(table.rows, table.columns, table.newline) == text.encode()


names = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), min_size=1).filter(
    lambda text: text.strip() == text and unicodedata.is_normalized("NFC", text)
)
times = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3))]))


@given(
    st.lists(
        st.builds(
            lambda images, answer, who, ms, shown, time: TripleRow(
                images[0],
                images[1],
                images[2],
                answer,
                annotator=who,
                response_ms=ms,
                shown=shown,
                time=time,
            ),
            st.lists(names, min_size=3, max_size=3, unique=True),
            st.sampled_from(labels.ANSWERS),
            st.sampled_from(["", "p1", 'a "quoted", name']),
            st.none() | st.integers(-1000, 10**6),
            st.sampled_from([(), (0, 1), (1, 0)]),
            st.none() | times,
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_rows_survive_writing_and_reading(rows):
    found = labels.parse_triples(labels.format_triples(rows), file="t.csv").rows
    for written, read in zip(rows, found, strict=True):
        for name in ("ref", "a", "b", "answer", "annotator", "response_ms", "shown", "time"):
            assert getattr(read, name) == getattr(written, name)


def test_a_name_is_no_formula_of_a_spreadsheet_and_is_read_as_it_was():
    rows = [TripleRow("=1.jpg", "'=1.jpg", "y", "A", annotator="@Eve()", extra={"=x": "-1+1"})]
    written = labels.format_triples(rows)
    line = written.decode().splitlines()[1]
    assert line.startswith("'=1.jpg,''=1.jpg,y,A,")
    assert not [mark for mark in (b"\n=", b",=", b",@") if mark in written]
    table = labels.parse_triples(written, file="t.csv")
    (read,) = table.rows
    assert (read.ref, read.a, read.annotator) == ("=1.jpg", "'=1.jpg", "@Eve()")
    assert read.extra == {"=x": "-1+1"}
    assert labels.format_triples(table.rows, table.columns, table.newline) == written


def test_columns_that_the_original_file_lacked_are_added_behind_it():
    rows = [TripleRow("r", "x", "y", "A", annotator="p", extra={"mine": "1"})]
    header = labels.format_triples(rows, ("answer", "b", "a", "ref")).split(b"\n")[0]
    assert header == b"answer,b,a,ref,annotator,mine"


def judgement(**changes):
    row = dict.fromkeys(labels.JUDGEMENT_COLUMNS)
    row |= {
        "judgement": 7, "cluster": "c", "cluster_kind": "test", "page": 3, "mode": "rank",
        "reference": "ü.png", "candidates": ["a", "b", "c"], "kind": "answer",
        "order": [2, 0, 1], "classes": [2, 3, 1], "votes": 1, "simulated": False,
        "source": "web", "shown": [0, 2, 1], "late": False, "superseded": False,
        "standing": True, "created_at": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        "extra": {"split": "train"},
    }  # fmt: skip
    return row | changes


def test_json_lines_hold_every_column_of_every_judgement():
    rows = [judgement(), judgement(judgement=8, supersedes=7, person="Ann")]
    lines = labels.to_jsonl(rows).decode().splitlines()
    found = [json.loads(line) for line in lines]
    assert [list(row) for row in found] == [list(labels.JUDGEMENT_COLUMNS)] * 2
    assert found[1]["supersedes"] == 7
    assert found[0]["created_at"] == "2026-01-02T03:04:05.000006+00:00"
    assert found[0]["reference"] == "ü.png"


def test_parquet_holds_the_same_as_json_lines(tmp_path):
    from pyarrow import parquet

    rows = [judgement(), judgement(judgement=8, supersedes=7, person="Ann", response_ms=5)]
    labels.write_parquet(rows, tmp_path / "j.parquet")
    table = parquet.read_table(tmp_path / "j.parquet")
    assert table.column_names == list(labels.JUDGEMENT_COLUMNS)
    found = table.to_pylist()
    for row in found:
        row["extra"] = json.loads(row["extra"])
    assert found == rows
    described = table.schema.field("order").metadata[b"description"].decode()
    assert described == labels.JUDGEMENT_COLUMNS["order"][1]


@pytest.mark.parametrize(
    ("folder", "rows", "votes", "people"),
    [("human_materials", 22_801, 92_892, 0), ("human_alien_eggs", 20_086, 0, 416)],
)
def test_real_human_answers_are_read_completely(folder, rows, votes, people, shared):
    data = (shared / folder / "triplets.csv").read_bytes()
    table = labels.parse_triples(data, file="triplets.csv")
    assert len(table.rows) == rows == data.count(b"\n") - 1
    assert sum((row.n_a or 0) + (row.n_b or 0) for row in table.rows) == votes
    assert len({row.annotator for row in table.rows} - {""}) == people
