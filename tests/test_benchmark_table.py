from tests.benchmarks.table import rewrite, table

REPORT = {
    "benchmarks": [
        {"group": "add", "name": "test_add_by_obvious", "stats": {"min": 3.0}},
        {"group": "add", "name": "test_add_by_arrays[4-float32]", "stats": {"min": 0.5}},
        {
            "group": "grow",
            "name": "test_grow",
            "stats": {"min": 9.0},
            "extra_info": {"peak GiB": 3.5876},
        },
    ]
}
ROWS = """\
| what | the obvious way | ours | ratio |
|---|---|---|---|
| add, arrays (4, float32) | 3.00 s | 500 ms | **6.0x** |
| grow: peak GiB | | 3.59 | |"""


def test_ways_are_set_against_the_obvious_one_and_other_measures_stand_alone():
    assert table(REPORT) == ROWS


def test_only_the_part_between_the_markers_changes():
    text = "# Before\n<!-- benchmarks -->\nold\n<!-- /benchmarks -->\nafter\n"
    expected = f"# Before\n<!-- benchmarks -->\n{ROWS}\n<!-- /benchmarks -->\nafter\n"
    assert rewrite(text, REPORT) == expected
