"""The parts of the element that know no screen, in Chromium: ranking, pace, Markdown."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from cssim import cosis
from cssim.ui import labelling

pytestmark = pytest.mark.e2e
FOLDER = Path(labelling.__file__).parent

# Answers a page as a person would who knows the right order: rate from left to right, then say
# which of a lit pair is closer. Gives the keys pressed and the order that came out.
DRIVE = """
(pages) => pages.map(({ classes, right }) => {
  const ranking = new Ranking(classes.length);
  const keys = [];
  while (!ranking.order) {
    if (keys.length > 30) throw new Error("it never ends");
    if (ranking.pair) {
      const [left, other] = ranking.pair;
      keys.push(right.indexOf(left) < right.indexOf(other) ? "ArrowLeft" : "ArrowRight");
      ranking.decide(keys[keys.length - 1] === "ArrowLeft" ? 0 : 1);
    } else {
      keys.push(String(classes[ranking.active]));
      ranking.rate(classes[ranking.active]);
    }
  }
  return { keys: keys.length, order: ranking.order, classes: ranking.classes };
})
"""


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    """An empty page with the scripts that need no server."""
    opened = chromium.new_page()
    for name in ("ranking", "pace", "markdown", "view"):
        opened.add_script_tag(content=(FOLDER / f"{name}.js").read_text("utf-8"))
    yield opened
    opened.close()


def drive(page: Page, pages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = page.evaluate(DRIVE, pages)
    return answers


def test_every_order_of_two_to_five_candidates_comes_out_as_it_was_meant(page: Page) -> None:
    rng = random.Random(1)
    asked = []
    for n in (2, 3, 4, 5):
        for right in itertools.permutations(range(n)):
            for _ in range(6):
                best_first = sorted(rng.choices(range(1, 6), k=n))
                classes = [0] * n
                for value, place in zip(best_first, right, strict=True):
                    classes[place] = value
                asked.append({"classes": classes, "right": list(right)})
    for given, question in zip(drive(page, asked), asked, strict=True):
        assert given["order"] == question["right"]
        assert given["classes"] == question["classes"]
        n = len(question["right"])
        distinct = len(set(question["classes"])) == n
        assert given["keys"] == n if distinct else n < given["keys"] <= n + 8


def test_the_released_answers_take_three_keys_a_page(page: Page, shared: Path) -> None:
    rng = random.Random(7)
    asked = []
    for path in sorted((shared / "cosis").glob("*_*.txt")):
        if path.name == "filename_dict.txt":
            continue
        kind = cosis.kind_of(path.name)
        assert kind is not None
        split = cosis.split_of(kind)
        found = cosis.parse_text(path.read_bytes(), file=path.name, split=split, skip_bad=True)
        for row in found.rankings:
            right = rng.sample(range(3), 3)  # where the closest, the second and the third stand
            classes = [0, 0, 0]
            for place, value in zip(right, row.classes, strict=True):
                classes[place] = value
            asked.append({"classes": classes, "right": right})
    given = drive(page, asked)
    assert len(given) == 10_018
    assert all(one["order"] == two["right"] for one, two in zip(given, asked, strict=True))
    keys = sum(one["keys"] for one in given) / len(given)
    # A tie of two costs one key. Of three equal ones, sorted by insertion, two or three keys:
    # on average 8/3 over the six orders.
    ties = [3 - len(set(one["classes"])) for one in asked]
    expected = 3 + (ties.count(1) + ties.count(2) * 8 / 3) / len(ties)
    assert keys == pytest.approx(expected, abs=0.005)
    assert keys == pytest.approx(3.10, abs=0.02)
    print(f"{keys:.3f} keys a page, {keys / 3:.3f} a triple")


def steps(page: Page, places: int, calls: str) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(
        f"() => {{ const r = new Ranking({places}); {calls};"
        " return { order: r.order, classes: r.classes, pair: r.pair, line: r.line,"
        " active: r.active } }"
    )
    return found


def test_a_picture_dragged_before_another_is_closer_where_classes_are_equal(page: Page) -> None:
    got = steps(page, 3, "r.drag(2, 0); [2, 2, 4].forEach((c, i) => r.rate(c, [2, 0, 1][i]))")
    assert got["line"] == [2, 0, 1]
    assert got["order"] == [2, 0, 1]
    # The same answer without dragging is asked for.
    assert steps(page, 3, "r.rate(2, 2); r.rate(2, 0); r.rate(4, 1)")["pair"] == [0, 2]


def test_dragging_says_nothing_about_two_others(page: Page) -> None:
    got = steps(page, 3, "r.drag(2, 0); for (const p of [0, 1, 2]) r.rate(3, p)")
    assert got["order"] is None
    assert sorted(got["pair"]) == [0, 1]


def test_dragging_settles_the_tie_that_is_asked(page: Page) -> None:
    got = steps(page, 3, "r.rate(2, 0); r.rate(2, 1); r.rate(5, 2); r.drag(1, 0)")
    assert got["order"] == [1, 0, 2]
    back = steps(page, 3, "r.rate(2, 0); r.rate(2, 1); r.rate(5, 2); r.drag(1, 0); r.back()")
    assert back["pair"] == [0, 1]


def test_a_picture_dragged_against_its_class_is_rated_anew(page: Page) -> None:
    got = steps(page, 3, "r.rate(1, 0); r.rate(4, 1); r.drag(1, 0)")
    assert got["classes"] == [1, None, None]
    assert got["active"] == 1
    # The other way round the class had the last word.
    later = steps(page, 2, "r.drag(1, 0); r.rate(4, 1); r.rate(1, 0)")
    assert later["order"] == [0, 1]


def test_every_step_can_be_taken_back_to_the_empty_page(page: Page) -> None:
    calls = "r.rate(3); r.rate(3); r.rate(3); r.decide(0); r.drag(0, 2); r.decide(1)"
    got = steps(page, 3, f"{calls}; while (r.back());")
    assert got == {
        "order": None, "classes": [None] * 3, "pair": None, "line": [0, 1, 2], "active": 0,
    }  # fmt: skip


def test_pace_is_over_the_last_answers_and_a_pause_starts_anew(page: Page) -> None:
    run = "(times) => { const p = new Pace(30); times.forEach((t) => p.answered(t));"
    run += " return [p.perMinute, p.breakDue(times[times.length - 1])] }"
    steady = [3_000 * i for i in range(700)]
    assert page.evaluate(run, steady) == [20, 35]
    assert page.evaluate(run, steady[:3]) == [None, 0]
    assert page.evaluate(run, [*steady, steady[-1] + 130_000]) == [None, 0]


def html(page: Page, text: str) -> str:
    found: str = page.evaluate(
        "(text) => { const box = document.createElement('div');"
        " box.append(...markdown(text)); return box.innerHTML }",
        text,
    )
    return found


def test_instructions_in_markdown_become_elements(page: Page) -> None:
    text = "# Task\nLook *well*,\nthen **say**.\n\n- one `x`\n- two\n  lines\n\n1. first\n\n> so"
    assert html(page, text) == (
        "<h3>Task</h3><p>Look <em>well</em>, then <strong>say</strong>.</p>"
        "<ul><li>one <code>x</code></li><li>two lines</li></ul><ol><li>first</li></ol>"
        "<blockquote><p>so</p></blockquote>"
    )
    link = html(page, "See [the guide](https://example.org/a_b).")
    assert 'href="https://example.org/a_b"' in link
    assert 'rel="noopener noreferrer"' in link
    picture = html(page, f"![a dog](/images/{'a' * 64}?w=512)")
    assert picture == f'<p><img src="/images/{"a" * 64}?w=512" alt="a dog" loading="lazy"></p>'


@pytest.mark.parametrize(
    "evil",
    [
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](//evil.example/)",
        "![x](https://evil.example/track.png)",
        '![" onerror="alert(1)](/images/' + "a" * 64 + ")",
        "```\n<script>alert(1)</script>\n```",
    ],
)
def test_no_instructions_become_markup_or_load_from_elsewhere(page: Page, evil: str) -> None:
    made = page.evaluate(
        "(text) => { const box = document.createElement('div'); box.append(...markdown(text));"
        " return [...box.querySelectorAll('*')].map((e) => [e.tagName, e.getAttributeNames(),"
        " e.getAttribute('src') || e.getAttribute('href') || '']) }",
        evil,
    )
    for tag, names, target in made:
        assert tag in {"P", "PRE", "IMG", "A"}
        assert not {name for name in names if name.startswith("on")}
        assert tag != "IMG" or target.startswith("/images/")  # foreign ones become a link
        assert tag != "A" or target.startswith("https://")
