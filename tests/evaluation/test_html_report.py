"""The HTML file stands alone, says what the table says, and escapes what people have named."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from cssim.evaluation.html_report import html_report
from cssim.evaluation.leakage import Overlap
from cssim.evaluation.report import CompareSettings, Comparison, Row
from cssim.evaluation.tables import caption, cells
from tests.evaluation.test_tables import BY_HAND


class Reader(HTMLParser):
    """Tags with their attributes, words by tag, and whether all tags are closed in order."""

    VOID = ("meta", "line", "circle")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID or tag == "circle":
            self.open.append(tag)
            self.words.setdefault(tag, []).append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        for tag in self.open:
            self.words[tag][-1] += data


def read(comparison: Comparison, title: str = "Comparison") -> Reader:
    reader = Reader(html_report(comparison, title))
    assert reader.open == []
    return reader


def figure(comparison: Comparison) -> ElementTree.Element:
    found = re.search(r"<svg.*</svg>", html_report(comparison), flags=re.DOTALL)
    assert found is not None
    return ElementTree.fromstring(found[0])


def test_every_cell_and_every_sentence_of_the_table_stands_in_it():
    reader = read(BY_HAND)
    header, body = cells(BY_HAND)
    assert reader.words["th"] == header
    assert reader.words["td"] == [word for line in body for word in line]
    for sentence in caption(BY_HAND):
        assert sentence in reader.words["li"]
    assert any("test set opened 3 times" in line for line in reader.words["li"])
    assert any("far is not available: weights not" in line for line in reader.words["li"])


def test_each_run_of_the_table_leads_to_what_it_was():
    comparison = replace(BY_HAND, fingerprints={"ensemble a|b_c": "f00d", "data": "beef"})
    reader = read(comparison)
    links = [attrs["href"] for tag, attrs in reader.tags if tag == "a"]
    # By its name and by its run, but for the row without a run; no row of people or chance.
    assert links == ["#row-0", "#row-0", "#row-1", "#row-1", "#row-2"]
    targets = [attrs["id"] for tag, attrs in reader.tags if tag == "li" and "id" in attrs]
    assert targets == ["row-0", "row-1", "row-2"]
    runs = [line for line in reader.words["li"] if line.startswith("a|b_c: Ensemble")]
    assert BY_HAND.rows[1].context is not None
    said = BY_HAND.rows[1].context.sentence("a|b_c")
    assert runs == [
        f"a|b_c: Ensemble; ensemble 3; job 12; members plain + sea; {said}; fingerprint f00d"
    ]
    assert any(
        "far: Frozen backbone; made by no job; not available" in w for w in reader.words["li"]
    )
    assert "data: fingerprint beef" in reader.words["li"]


def test_nothing_is_fetched_and_nothing_runs():
    reader = read(BY_HAND)
    tags = {tag for tag, _ in reader.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "image", "use"}
    named = {name for _, attrs in reader.tags for name in attrs}
    assert not named & {"src", "xlink:href", "srcset", "data", "action"}
    text = html_report(BY_HAND)
    assert "://" not in text
    assert "url(" not in text
    assert "default-src 'none'" in text


def test_it_follows_the_readers_theme():
    assert "prefers-color-scheme: dark" in html_report(BY_HAND)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><b>', "a & b", "'"])
def test_names_are_never_read_as_html(name):
    rows = (Row(name, "cs", (name,), name, name, name, accuracy=0.7, low=0.6, high=0.8),)
    overlap = Overlap(name, name, 1, 1, 1, 2, 2, 1, 1, ((name, name),))
    comparison = Comparison(CompareSettings(), rows, overlaps=(overlap,), fingerprints={name: name})
    reader = read(comparison, title=name)
    assert reader.words["h1"] == [name]
    assert reader.words["td"][0] == name
    assert f"{name} looks like {name}" in reader.words["li"]
    assert not {tag for tag, _ in reader.tags} & {"script", "b"}


def test_points_and_whiskers_stand_where_their_numbers_say():
    svg = figure(BY_HAND)
    places = {
        str(element.findtext("title")): float(str(element.get("cx")))
        for element in svg.iter("circle")
        if element.find("title") is not None
    }
    assert set(places) == {"plain: 78.51 %", "a|b_c: 80.51 %"}
    ticks = {
        float(str(text.text).split()[0]): float(str(text.get("x")))
        for text in svg.iter("text")
        if str(text.text).endswith(" %")
    }
    (low, x_low), *_, (high, x_high) = sorted(ticks.items())
    for words, x in places.items():
        value = float(words.split()[-2])
        expected = x_low + (value - low) / (high - low) * (x_high - x_low)
        assert x == pytest.approx(expected, abs=0.3)
    whiskers = [line for line in svg.iter("line") if line.get("stroke-width") == "2"]
    ends = sorted(float(str(line.get(end))) for line in whiskers for end in ("x1", "x2"))
    values = [76.888, 78.88, 80.0, 82.0]
    expected_ends = [x_low + (v - low) / (high - low) * (x_high - x_low) for v in values]
    assert ends == pytest.approx(expected_ends, abs=0.3)
    said = [str(text.text) for text in svg.iter("text")]
    assert "far (not available)" in said
    assert "chance" in said


def test_a_comparison_without_numbers_still_gives_a_file():
    row = Row("far", "frozen", reason="not here")
    reader = read(Comparison(CompareSettings(), (row,)))
    assert "far (not available)" in reader.words["text"]
