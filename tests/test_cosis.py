import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssim import cosis
from cssim.cosis import Pair, Ranking
from cssim.errors import BadInput, BadLabels
from cssim.types import ClusterKind

ROWS = b"254 1671 3 926 3 3632 4\n254 1702 3 926 3 64 4\n"
RANKINGS = (Ranking(254, (1671, 926, 3632), (3, 3, 4)), Ranking(254, (1702, 926, 64), (3, 3, 4)))


def parse(data, **options):
    return cosis.parse_text(data, file="dist_254.txt", **{"split": "val", **options})


def test_a_row_lists_the_reference_and_then_the_closest_candidate_first():
    assert parse(ROWS).rankings == RANKINGS


@pytest.mark.parametrize(
    "data",
    [
        ROWS,
        ROWS.rstrip(b"\n"),
        ROWS + b"\n",
        ROWS + b"\n\n",
        b"ref order1 class1 order2 class2 order3 class3\n" + ROWS,
        ROWS.replace(b"\n", b"\r\n"),
        ROWS.replace(b"254 1702", b"254  1702"),
        ROWS.replace(b"254 1702", b"0254\t1702"),
        ROWS.replace(b"\n", b"\n\n", 1),
        ROWS.replace(b"\n", b"\r\n", 1),
    ],
)
def test_whatever_its_layout_a_file_comes_back_byte_for_byte(data):
    parsed = parse(data)
    assert parsed.rankings == RANKINGS
    assert cosis.to_text(parsed.rankings, parsed.layout) == data


candidates = st.lists(st.integers(1, 4999), min_size=3, max_size=3, unique=True).map(tuple)
classes = st.lists(st.integers(1, 5), min_size=3, max_size=3).map(sorted).map(tuple)


@given(st.lists(st.builds(Ranking, st.just(0), candidates, classes), min_size=1, max_size=20))
def test_any_rankings_survive_writing_and_reading(rankings):
    assert list(parse(cosis.to_text(rankings)).rankings) == rankings


def test_changed_rankings_do_not_come_back_in_the_old_spelling():
    parsed = parse(ROWS.replace(b"254 1702", b"254  1702"))
    changed = [RANKINGS[0], Ranking(254, (1, 2, 3), (1, 2, 3))]
    assert cosis.to_text(changed, parsed.layout) == b"254 1671 3 926 3 3632 4\n254 1 1 2 2 3 3\n"


def test_fewer_and_more_rankings_than_the_layout_knows_are_written():
    layout = parse(ROWS + b"\n").layout
    assert cosis.to_text(RANKINGS[:1], layout).splitlines() == [b"254 1671 3 926 3 3632 4"]
    more = [*RANKINGS, Ranking(1, (2, 3, 4), (1, 1, 1))]
    rows = [line for line in cosis.to_text(more, layout).splitlines() if line]
    assert rows == [str(row).encode() for row in more]


@pytest.mark.parametrize(
    ("line", "expected", "found"),
    [
        ("254 1 2 3", "7 numbers", "4"),
        ("254 1 1 2 2 3 3 4", "7 numbers", "8"),
        ("254 1 1 2 2 x 3", "whole numbers", "'x'"),
        ("254 1 1 2 2 -3 3", "whole numbers", "'-3'"),
        ("254 1 1 2 2 3.0 3", "whole numbers", "'3.0'"),
        ("254 1 0 2 2 3 3", "classes from 1 to 5", "0 2 3"),
        ("254 1 1 2 2 3 6", "classes from 1 to 5", "1 2 6"),
        ("254 1 3 2 2 3 3", "classes that do not fall", "3 2 3"),
        ("254 1 1 1 2 3 3", "three different candidates", "1 1 3"),
        ("254 1 1 254 2 3 3", "other than the reference", "254"),
        ("254 1 1 2 2 5000 3", "ids from 0 to 4999", "5000"),
    ],
)
def test_a_faulty_line_is_named_with_what_was_expected_and_found(line, expected, found):
    data = ROWS + line.encode() + b"\n" + ROWS
    with pytest.raises(BadLabels) as caught:
        parse(data)
    (fault,) = caught.value.faults
    assert (fault.file, fault.line) == ("dist_254.txt", 3)
    assert expected in fault.expected
    assert found in fault.found


def test_all_faults_of_a_file_are_told_at_once():
    with pytest.raises(BadLabels) as caught:
        parse(b"x\n" + ROWS + b"1 2\n")
    assert [fault.line for fault in caught.value.faults] == [1, 4]


def test_skipping_leaves_only_the_faulty_lines_out():
    data = b"bad\n" + ROWS.replace(b"\n", b"\n\nworse\n", 1)
    parsed = parse(data, skip_bad=True)
    assert parsed.rankings == RANKINGS
    assert [fault.line for fault in parsed.skipped] == [1, 4]
    good = b"\n".join(line for line in data.split(b"\n") if line not in (b"bad", b"worse"))
    assert cosis.to_text(parsed.rankings, parsed.layout) == good


def test_ids_are_checked_against_the_split_they_index():
    row = b"1 14999 1 2 2 3 3\n"
    assert parse(row, split="train").rankings[0].candidates[0] == 14_999
    with pytest.raises(BadLabels):
        parse(row, split="val")
    with pytest.raises(BadInput, match="val, train"):
        parse(row, split="test")


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xff\xfe1\x00", b"ref order1\n"])
def test_a_file_without_rankings_is_refused(data):
    with pytest.raises(BadLabels):
        parse(data)


def test_the_names_of_the_release_say_what_a_file_is_for():
    assert cosis.kind_of("dist_254.txt") is ClusterKind.CONTEXT
    assert cosis.kind_of("a/mulref_val.npy") is ClusterKind.VALIDATION
    assert cosis.kind_of("mulref_test.txt") is ClusterKind.TEST
    assert cosis.kind_of("mine.txt") is None
    assert [cosis.split_of(kind) for kind in ClusterKind] == ["val", "val", "train", "val"]


def test_file_names_are_read_and_a_faulty_line_is_named():
    names = cosis.parse_names(b"0 val h_f5\n7 train h_3f\n", file="filename_dict.txt")
    assert names == {"val/0": "val/h_f5", "train/7": "train/h_3f"}
    with pytest.raises(BadLabels, match=r"filename_dict\.txt:2"):
        cosis.parse_names(b"0 val h\n1 dev h\n", file="filename_dict.txt")


def released(rows, tmp_path, name="dist_1.npy"):
    path = tmp_path / name
    np.save(path, np.array(rows, dtype=np.float64))
    return path


def test_order_0_in_a_npy_row_means_that_id1_is_closer(tmp_path):
    path = released([[0, 3, 4, 9, 1, 2], [1, 5, 2, 9, 1, 2]], tmp_path)
    pairs, faults = cosis.read_npy(path, split="val")
    assert faults == []
    assert pairs == [Pair(9, 1, 2, 3, 4, True), Pair(9, 2, 1, 2, 5, False)]


@pytest.mark.parametrize(
    "row",
    [
        [2, 1, 1, 9, 1, 2],
        [0, 0, 1, 9, 1, 2],
        [0, 1, 1, 9, 1, 1],
        [0, 1, 1, 9, 1, 5000],
        [0.5, 1, 1, 9, 1, 2],
        [0, 1, 1, float("nan"), 1, 2],
        [float("inf"), 1, 1, 9, 1, 2],
    ],
)
def test_a_faulty_npy_row_is_named_or_skipped(row, tmp_path):
    path = released([[0, 3, 4, 9, 1, 2], row], tmp_path)
    with pytest.raises(BadLabels) as caught:
        cosis.read_npy(path, split="val")
    assert [fault.line for fault in caught.value.faults] == [2]
    pairs, faults = cosis.read_npy(path, split="val", skip_bad=True)
    assert (len(pairs), len(faults)) == (1, 1)


def test_arrays_of_objects_are_never_unpickled(tmp_path):
    path = tmp_path / "dist_1.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(BadLabels, match="without objects"):
        cosis.read_npy(path, split="val")
    path.write_bytes(b"not an array")
    with pytest.raises(BadLabels):
        cosis.read_npy(path, split="val")
    with pytest.raises(BadLabels, match="shape"):
        cosis.read_npy(released([[1, 2]], tmp_path), split="val")


def test_the_defects_of_a_npy_file_are_measured():
    rankings = [Ranking(9, (1, 2, 3), (1, 2, 3)), Ranking(9, (4, 5, 6), (1, 2, 5))]
    # The second ranking as the release writes it: each pair with the classes of the first pair.
    pairs = [Pair(9, 4, 5, 1, 2, True), Pair(9, 4, 6, 1, 2, True), Pair(9, 5, 6, 1, 2, False)]
    defects = cosis.compare_npy(pairs, rankings)
    assert defects.missing_rankings == (0,)
    assert defects.foreign_pairs == 0
    assert defects.right_classes == pytest.approx(1 / 3)
    assert "33.3% of 3 rows" in str(defects)
    assert cosis.compare_npy([Pair(9, 5, 4, 2, 1, True)], rankings).foreign_pairs == 1


EXPECTED = {"dist_254": 335, "dist_389": 335, "dist_667": 334, "dist_715": 335, "dist_1006": 335}
EXPECTED |= {"dist_1673": 336, "dist_2352": 334, "dist_2723": 336}
EXPECTED |= {"mulref_val": 4003, "mulref_test": 3335}


@pytest.mark.parametrize("name", EXPECTED)
def test_each_released_file_comes_back_byte_for_byte(name, shared):
    path = shared / "cosis" / f"{name}.txt"
    data = path.read_bytes()
    split = "train" if name == "mulref_test" else "val"
    parsed = cosis.parse_text(data, file=path.name, split=split)
    assert len(parsed.rankings) == EXPECTED[name]
    assert cosis.to_text(parsed.rankings, parsed.layout) == data


@pytest.mark.parametrize("name", EXPECTED)
def test_the_known_defects_of_the_released_arrays_are_found(name, shared):
    split = "train" if name == "mulref_test" else "val"
    text = (shared / "cosis" / f"{name}.txt").read_bytes()
    rankings = cosis.parse_text(text, file=name, split=split).rankings
    pairs, _ = cosis.read_npy(shared / "cosis" / "npy" / f"{name}.npy", split=split)
    defects = cosis.compare_npy(pairs, rankings)
    assert defects.missing_rankings == (() if name == "mulref_val" else (0,))
    assert defects.foreign_pairs == 0
    assert 0.33 <= defects.right_classes <= 0.484
