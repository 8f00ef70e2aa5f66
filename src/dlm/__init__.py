"""dlm: a download manager that is right first, then safe, then fast. `dlm.library` tells how programs use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlm.library import Handle, Library, get, open

__version__ = "0.1.0"
__all__ = ["Handle", "Library", "__version__", "get", "open"]


def __getattr__(name: str) -> Any:
    # The command line pays for what it needs and for nothing else.
    if name in __all__:
        from dlm import library

        return getattr(library, name)
    raise AttributeError(f"module 'dlm' has no attribute '{name}'")
