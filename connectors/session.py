"""The `requests` session of a client: nothing from ~/.netrc, and the environment is read once for each host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

CONNECTIONS = 4


class OneAccountSession(requests.Session):
    """A session for one account.

    Proxies and certificates come from the environment, as with any session; but a session lives as long as a load, so
    they are looked up once for each host and not with every request, where they would take a third of its time.
    """

    def __init__(self) -> None:
        super().__init__()
        # Credentials are ours alone to set: nothing from ~/.netrc.
        self.auth = _unchanged
        self._surroundings: dict[tuple[object, ...], dict[str, Any]] = {}
        for scheme in ("https://", "http://"):
            self.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))

    def merge_environment_settings(
        self,
        url: str | bytes | None,
        proxies: Mapping[str, str] | None,
        stream: bool | None,
        verify: Any,
        cert: Any,
    ) -> Any:
        """Proxies, certificates and the like of a request; see `requests.Session`."""
        parts = urlsplit(str(url))
        asked = (parts.scheme, parts.netloc, tuple(sorted((proxies or {}).items())), stream, verify, cert)
        if asked not in self._surroundings:
            merged = super().merge_environment_settings(url, dict(proxies or {}), stream, verify, cert)
            self._surroundings[asked] = dict(merged)
        return dict(self._surroundings[asked])


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
