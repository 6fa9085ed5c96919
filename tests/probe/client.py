"""A client, and what became of a request."""

from dataclasses import dataclass

import httpx

HEADERS_RECEIVED = "http11.receive_response_headers.complete"
CONNECTING = "connection.connect_tcp.started"


@dataclass
class Answer:
    """A response, or why there was none."""

    status: int = 0
    body: dict | None = None
    error: str = ""
    idle_reset: bool = False  # the connection had been closed while idle; this is the answer to the second try

    @property
    def reason(self):
        """In words, for a count of failures."""
        return self.error or f"status {self.status}"


class Client:
    """Retries nothing, except a request that met a connection which was being closed."""

    def __init__(self, target, *, timeout, keep_alive=True, connections=1):
        self._http = httpx.AsyncClient(
            base_url=target.url,
            headers=target.headers,
            verify=target.trust,
            trust_env=False,
            timeout=timeout,
            limits=httpx.Limits(
                max_connections=connections, max_keepalive_connections=connections if keep_alive else 0
            ),
        )

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self._http.aclose()

    async def ask(self, method, path, body=None):
        """The answer to one request."""
        answer, reused = await self._try(method, path, body)
        if answer.status or not reused:
            return answer
        again, _ = await self._try(method, path, body)
        again.idle_reset = bool(again.status)
        return again if again.status else answer

    async def _try(self, method, path, body):
        """The answer, and whether a connection that had answered before was closed without a word of this one."""
        seen = set()

        async def trace(event, _):
            seen.add(event)

        try:
            response = await self._http.request(method, path, json=body, extensions={"trace": trace})
        except httpx.HTTPError as error:
            closed = isinstance(error, httpx.ReadError | httpx.WriteError | httpx.RemoteProtocolError)
            return Answer(error=describe(error)), closed and not seen & {CONNECTING, HEADERS_RECEIVED}
        try:
            content = response.json() if response.content else None
        except ValueError:
            content = None
        return Answer(status=response.status_code, body=content), False


def describe(error):
    """The kind of an error and its first words."""
    return f"{type(error).__name__} {error}".strip()[:80]
