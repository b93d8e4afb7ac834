"""Plain values in, plotly figures out: data and layout, no state, no pixels.

All figures share one template: a transparent background, so that the page's own theme shows
through, and colours of Okabe and Ito (2008), which people of all colour vision can tell apart.
Shares come in as 0..1 and are drawn in per cent.
"""

from __future__ import annotations

from cssim.plots.comparison import forest_plot
from cssim.plots.style import CLEAR, KINDS, PALETTE, ink, layout
from cssim.plots.training import training_curves

__all__ = ["CLEAR", "KINDS", "PALETTE", "forest_plot", "ink", "layout", "training_curves"]
