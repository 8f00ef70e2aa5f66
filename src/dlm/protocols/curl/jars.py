"""Cookies: one jar a download, so that what one site sets for one download is seen by no other."""

from __future__ import annotations

from collections import OrderedDict

import pycurl

from dlm.model.download import DownloadSpec

MOST = 256
"""Jars kept; the one used longest ago goes first."""


class CookieJars:
    """libcurl share handles that hold the cookies of a download's requests: those of the user's file and those set meanwhile.

    libcurl keeps host, path and `Secure` of each cookie, and refuses those for public suffixes.
    """

    def __init__(self) -> None:
        self._jars: OrderedDict[tuple[tuple[str, ...], str | None], pycurl.CurlShare] = OrderedDict()

    def of(self, spec: DownloadSpec) -> pycurl.CurlShare:
        """The jar of this download."""
        key = (spec.uris, spec.cookies)
        jar = self._jars.get(key)
        if jar is None:
            jar = self._jars[key] = pycurl.CurlShare()
            jar.setopt(pycurl.SH_SHARE, pycurl.LOCK_DATA_COOKIE)
            if spec.cookies is not None:
                self._fill(jar, spec.cookies)
            if len(self._jars) > MOST:
                self._jars.popitem(last=False)
        self._jars.move_to_end(key)
        return jar

    @staticmethod
    def _fill(jar: pycurl.CurlShare, path: str) -> None:
        """Read the Netscape file once: reading it again would undo what servers set."""
        curl = pycurl.Curl()
        curl.setopt(pycurl.SHARE, jar)
        curl.setopt(pycurl.COOKIEFILE, path.encode())
        curl.setopt(pycurl.COOKIELIST, "RELOAD")
        curl.close()
