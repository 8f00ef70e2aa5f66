"""For `dlm doctor`: which protocols there are, who brings them, and what is not installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec

from dlm.model.error import UnsupportedUri
from dlm.model.queue import Finding
from dlm.ports import Clock
from dlm.protocols.installed import brought, is_scheme
from dlm.protocols.registry import BUILTIN, Entry, Registry

_EXTRAS = {
    "asyncssh": "sftp:// and scp:// need what is not installed: pip install 'dlm[sftp]'",
    "botocore": "s3:// can only be had with --anonymous or with plain keys: for other credentials, pip install 'dlm[s3]'",
}
"""What is said where such a module is not there. That is nothing bad: who needs it is told when he does."""


def check_protocols(
    clock: Clock,
    others: Callable[[], Sequence[Entry]] = brought,
    is_there: Callable[[str], bool] = lambda module: find_spec(module) is not None,
) -> list[Finding]:
    """The findings for this installation. What other packages bring is loaded, to see whether that can be done."""
    schemes = ", ".join(scheme for entry in BUILTIN for scheme in entry.schemes)
    found = [Finding("protocols", "good", f"dlm serves {schemes}")]
    found += [Finding("protocols", "good", sentence) for module, sentence in _EXTRAS.items() if not is_there(module)]
    entries = others()
    return [*found, *_judged(entries, Registry(clock, others=lambda: entries))]


def _judged(entries: Sequence[Entry], registry: Registry) -> Iterator[Finding]:
    ours = {scheme for entry in BUILTIN for scheme in entry.schemes}
    for entry in entries:
        (name,), package = entry.schemes, entry.package
        if name in ours:
            sentence = f"{package} brings {name}, which has no effect, since dlm serves it itself: uninstall it"
            yield Finding("protocols", "warning", sentence)
        elif not is_scheme(name):
            sentence = f"{package} brings '{name}', which is no scheme in lower case, so nothing asks for it: tell its authors"
            yield Finding("protocols", "warning", sentence)
        else:
            try:
                registry.pick(f"{name}://")
            except UnsupportedUri as error:
                yield Finding("protocols", "warning", str(error))
            else:
                yield Finding("protocols", "good", f"{name} comes from {package}")
