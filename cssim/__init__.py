"""CS-Sim: context-sensitive image similarity, from labels to a trusted ensemble."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "load_ensemble"]

if TYPE_CHECKING:
    from cssim.ensembles.saved import load_ensemble


def __getattr__(name: str) -> Any:
    """Load the public names on first use, so that `import cssim` stays light."""
    if name == "load_ensemble":
        from cssim.ensembles.saved import load_ensemble

        return load_ensemble
    raise AttributeError(f"module 'cssim' has no attribute {name!r}")
