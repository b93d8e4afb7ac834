"""Which pages to ask: at random, by strata, or where an answer says most."""

from __future__ import annotations

from cssim.sampling.drawing import draw_pages, draw_references

__all__ = ["draw_pages", "draw_references"]
