"""The triples of one reference as a table: which ones, in which order, with all answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cssim.services.one_reference import Judge
from cssim.services.vectors import Shelf
from cssim.triples import Triples

ORDERS = ("most models wrong", "people most divided", "people most agreed", "page")
"""Ways to sort."""


def ordered(
    triples: Triples,
    judges: Mapping[str, Judge],
    order: str,
    *,
    mistakes_of: str | None = None,
) -> list[int]:
    """Positions of the triples in the order to show them; equal ones stay as they are.

    Args:
        triples: of one reference.
        judges: by name.
        order: one of `ORDERS`.
        mistakes_of: only those in which most people disagree with this judge.
    """
    divided = np.abs(triples.share_a - 0.5)
    keys = {
        "people most divided": divided,
        "people most agreed": -divided,
        "page": triples.page.astype(np.float64),
    }
    wrong = np.zeros(len(triples))
    for one in judges.values():
        wrong -= one.credit < 0.5
    at = np.argsort(keys.get(order, wrong), kind="stable")
    if mistakes_of is not None:
        at = at[judges[mistakes_of].credit[at] < 0.5]
    return [int(i) for i in at]


def rows_of(shelf: Shelf, triples: Triples, judges: Sequence[Judge]) -> list[dict[str, object]]:
    """The whole table, a row for each triple, in the pages' order."""

    def name(image_id: int) -> str:
        at = shelf.place.get(image_id)
        return str(image_id) if at is None else shelf.images[at].name

    return [
        {
            "reference": name(int(triples.reference[row])),
            "a": name(int(triples.a[row])),
            "b": name(int(triples.b[row])),
            "page": int(triples.page[row]),
            "votes_a": float(triples.votes_a[row]),
            "votes_b": float(triples.votes_b[row]),
            **{
                f"{one.name} {column}": float(value)
                for one in judges
                for column, value in (
                    ("to a", one.distances[row, 0]),
                    ("to b", one.distances[row, 1]),
                    ("credit", one.credit[row]),
                )
            },
        }
        for row in range(len(triples))
    ]
