"""A number and its noun agree, and are put together in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cssim import words
from tests.test_architecture import ROOT, sources

BETWEEN = {
    "a", "an", "and", "are", "as", "at", "before", "between", "by", "compares", "for",
    "from", "has", "have", "holds", "in", "is", "of", "on", "or", "over", "than", "that",
    "the", "to", "was", "were", "which", "with",
}  # fmt: skip
"""Words after which a noun no longer belongs to the number before them."""
TEXTS = {
    "name", "later", "other", "labels", "level", "gain", "sign", "verdict", "sizes",
    "sorted(sizes)", "right.shape[1:]", "both.shape[1:]", "route.path",
}  # fmt: skip
"""Values that are no counts: names, signed numbers, sentences, shapes."""


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 pages"), (1, "1 page"), (2, "2 pages"), (2345, "2,345 pages"), (1.5, "1.5 pages")],
)
def test_one_is_singular_and_all_else_plural(number: float, text: str) -> None:
    assert words.count(number, "page") == text


def test_numbers_of_numpy_and_large_ones_are_written_out() -> None:
    whole, split = np.array([12_345_678]), np.array([1.0, 0.5])
    assert words.count(whole[0], "label") == "12,345,678 labels"
    assert [words.count(one, "vote") for one in split] == ["1 vote", "0.5 votes"]
    assert words.count(1, "file was", "files were") == "1 file was"
    assert words.count(0, "person", "people") == "0 people"


def called(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Singular and plural of each `words.count` with words that stand in the source."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "words.count":
            given = [str(arg.value) for arg in node.args[1:] if isinstance(arg, ast.Constant)]
            if given:
                yield given[0], given[1] if len(given) > 1 else given[0] + "s"


def plurals(trees: list[ast.AST]) -> set[str]:
    """Nouns that are counted anywhere, in their plural; verbs lose their s in it."""
    pairs = [(one.split(), many.split()) for tree in trees for one, many in called(tree)]
    return {
        word
        for one, many in pairs
        for word in set(many) - set(one)
        if word + "s" not in one and word not in ("are", "have", "were")
    }


def uncounted(tree: ast.AST, nouns: set[str]) -> Iterator[str]:
    """Numbers in f-strings with one of these nouns behind them, and at most two words between."""
    for text in ast.walk(tree):
        if not isinstance(text, ast.JoinedStr):
            continue
        for value, after in zip(text.values, text.values[1:], strict=False):
            if not isinstance(value, ast.FormattedValue) or not isinstance(after, ast.Constant):
                continue
            found = re.match(r" ([\w-]+(?: [\w-]+){0,2})", str(after.value))
            if found is None or no_count(value):
                continue
            for word in found[1].split():
                if word in BETWEEN:
                    break
                if word in nouns:
                    yield f"line {value.lineno}: {{{ast.unparse(value.value)}}} {found[1]}"


def no_count(value: ast.FormattedValue) -> bool:
    """Constants, which are known; numbers with a point or in per cent, which are never one."""
    expression = ast.unparse(value.value)
    spec = ast.unparse(value.format_spec) if value.format_spec else ""
    return (
        expression in TEXTS
        or re.split(r"[.(]", expression.rstrip(")"))[-1].isupper()
        or expression.startswith("words.")
        or re.search(r"\.(?!0f).*f|%", spec) is not None
    )


def test_nouns_behind_a_number_are_counted_by_the_helper() -> None:
    trees: dict[Path, ast.AST] = {path: ast.parse(path.read_text("utf-8")) for path in sources()}
    nouns = plurals(list(trees.values()))
    assert {"pages", "people", "references", "triples", "entries"} <= nouns
    wrong = [
        f"{path.relative_to(ROOT)} {where}"
        for path, tree in trees.items()
        for where in uncounted(tree, nouns)
    ]
    assert wrong == [], "write words.count(number, 'noun') for a number before a noun"


def test_the_search_sees_what_it_should() -> None:
    def seen(source: str) -> int:
        return len(list(uncounted(ast.parse(source), {"pages", "people"})))

    assert seen("f'{n} pages'") == seen("f'{len(x):,} gold pages left'") == 1
    assert seen("f'{a} of {b} people'") == 1
    assert seen("f'{MAX_PAGES} pages'") == seen("f'{n} of its pages'") == 0
    assert seen("f'{100 * x:.1f} pages'") == seen("f'{x:.0%} pages'") == 0
    assert seen("f\"{words.count(n, 'page')} with pages\"") == 0
