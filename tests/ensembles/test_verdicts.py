"""One question's answer, by hand."""

import numpy as np
import pytest

from cssim.ensembles.verdicts import as_pair, choice_of, confidence_of
from cssim.types import Choice


@pytest.mark.parametrize(
    ("distances", "choice", "sure"),
    [([0.1, 0.4], Choice.A, 0.75), ([0.4, 0.1], Choice.B, 0.25), ([0.3, 0.3], None, 0.5)],
)
def test_the_closer_one_is_chosen_and_a_tie_is_one_half(distances, choice, sure) -> None:
    given = np.asarray(distances)
    assert choice_of(given) is choice
    assert confidence_of(0.75, choice) == sure
    assert as_pair(given) == tuple(distances)
