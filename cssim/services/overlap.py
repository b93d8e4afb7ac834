"""Adaptive overlap: more people for a page while those who answered it do not settle it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from sqlalchemy.orm import Session

from db import plans as rows


def widen(session: Session, page_id: int) -> None:
    """Adaptive overlap: want one more answer where the page's people are not sure enough.

    Called in the transaction of each answer, after it was stored.
    """
    page = rows.adaptive_page(session, page_id)
    if page is None or page.done < page.wanted or page.wanted >= page.cap:
        return
    if certainty(page.orders) < page.sure:
        rows.set_wanted(session, page_id, page.wanted + 1)


def certainty(orders: Sequence[tuple[int, ...]]) -> float:
    """How surely the least certain pair of a page is decided by the majority, 0.5..1.

    For each pair the probability that more than half of all people agree with the majority seen:
    1 - I(1/2; a + 1, b + 1) for a votes against b, the upper half of a share's posterior with a
    flat prior (Beta); a tie gives half a vote to each side. 2 : 0 gives 0.875, 1 : 1 gives 0.5.

    Args:
        orders: positions, closest first, of each answer; empty for a tie.
    """
    from scipy.special import betainc

    ranked = [order for order in orders if order]
    if not ranked:
        return 0.5
    least = 1.0
    for i, j in combinations(range(len(ranked[0])), 2):
        first = sum(order.index(i) < order.index(j) for order in ranked)
        ties = (len(orders) - len(ranked)) / 2
        a, b = first + ties, len(ranked) - first + ties
        least = min(least, float(1 - betainc(max(a, b) + 1, min(a, b) + 1, 0.5)))
    return least
