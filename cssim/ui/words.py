"""Numbers, times and kinds as people read them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from cssim.types import ClusterKind, ModelKind
from cssim.words import count as count

CLUSTER_KINDS = {
    ClusterKind.CONTEXT: "context",
    ClusterKind.VALIDATION: "validation",
    ClusterKind.TEST: "test",
    ClusterKind.GOLD: "gold",
}
MODEL_KINDS = {
    ModelKind.FROZEN: "frozen backbone",
    ModelKind.METRIC: "metric",
    ModelKind.CS: "CS model",
    ModelKind.GLOBAL: "global model",
}
"""Kinds of models as all pages call them."""


def percent(share: float | None, digits: int = 1) -> str:
    """A share 0..1 in per cent; empty where there is none."""
    return "" if share is None or math.isnan(share) else f"{100 * share:.{digits}f} %"


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """`just now`, `5 min ago`, `3 h ago`, else the date; empty for None."""
    if moment is None:
        return ""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min ago"
    if seconds < 86_400:
        return f"{seconds // 3600:.0f} h ago"
    return f"{moment:%Y-%m-%d}"


def plain_markdown(text: str) -> str:
    """Text that Streamlit shows as it stands: Markdown's signs are escaped."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]()<>#+-!|:$~" else sign for sign in text)
