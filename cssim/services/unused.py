"""Images that no set asks about yet: what references are drawn from.

Sets that share a reference share its answers, so that a model would be judged on what it was
trained or chosen on. References that a person names are taken as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from cssim import words
from cssim.errors import BadInput
from cssim.types import Image
from db import library


def unused_references(
    session: Session, project_id: int, images: Sequence[Image], count: int
) -> list[Image]:
    """Those of `images` that are a reference nowhere in the project, in their order.

    Args:
        session: an open session.
        project_id: the project.
        images: to choose from.
        count: how many references are to be drawn from them.

    Raises:
        BadInput: fewer than `count` are left.
    """
    taken = library.reference_ids(session, project_id)
    left = [image for image in images if image.id not in taken]
    if count > len(left):
        used = len(images) - len(left)
        beside = (
            f"; {words.count(used, 'other is', 'others are')} references of sets already, and "
            "sets that share a reference leak into each other"
            if used
            else ""
        )
        raise BadInput(
            f"{words.count(count, 'reference was', 'references were')} asked for, there are "
            f"{words.count(len(left), 'image')} to draw from{beside}. Ask for fewer, add images, "
            "or name the references"
        )
    return left
