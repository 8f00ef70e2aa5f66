"""Where the certificates of the trusted authorities are.

The wheels of pycurl carry a libcurl that looks in one distribution's place only, so dlm looks itself: what the user's
environment names, then where the systems keep it, then the bundle of the certifi package.
"""

from __future__ import annotations

import os
from functools import cache

_VARIABLES = ("CURL_CA_BUNDLE", "SSL_CERT_FILE")
_PLACES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Gentoo
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, Alpine, the BSDs
)


@cache
def ca_bundle() -> str:
    """The path of the bundle to verify servers with."""
    for path in (*(os.environ.get(name, "") for name in _VARIABLES), *_PLACES):
        if path and os.path.isfile(path):
            return path
    import certifi

    return certifi.where()
