"""A call to another machine: its name resolved once, for a limited time, following nothing."""

import http.client
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from weilu.kernel.deadline import Deadline

PORTS = {"http": 80, "https": 443}


def call(
    url: str, *, body: bytes | None = None, headers: Mapping[str, str], patience: float, longest: int
) -> tuple[int, bytes]:
    """Status and body of the answer; a POST where there is a `body`. The caller says whether `url` may be called.

    No redirect is followed and no proxy used; a certificate is checked. Raises OSError, HTTPException, or ValueError
    for an answer of more than `longest` bytes. All in all it takes `patience` seconds, apart from the name's look-up.
    """
    parts = urlsplit(url)
    port = parts.port or PORTS[parts.scheme]
    found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    with Deadline(patience) as deadline:
        line = _connected(found, deadline, patience)
        try:
            if parts.scheme == "https":
                line = ssl.create_default_context().wrap_socket(line, server_hostname=parts.hostname)
            answer = _talk(line, parts.netloc.rpartition("@")[2], _target(url), body, headers, longest)
        finally:
            line.close()
        if deadline.over:
            raise TimeoutError("the answer was cut off")
        return answer


def _connected(found: Sequence[Any], deadline: Deadline, patience: float) -> socket.socket:
    """A connection to the first address of the one answer that takes it."""
    trouble: OSError = OSError("no address")
    for family, kind, proto, _name, address in found:
        line = socket.socket(family, kind, proto)
        try:
            line.settimeout(patience)
            deadline.watch(line)
            line.connect(address)
        except OSError as problem:
            line.close()
            trouble = problem
        else:
            return line
    raise trouble


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _talk(
    line: socket.socket, host: str, target: str, body: bytes | None, headers: Mapping[str, str], longest: int
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host)
    connection.sock = line
    connection.request("GET" if body is None else "POST", target, body, {**headers, "Connection": "close"})
    answer = connection.getresponse()
    said = answer.read(longest + 1)
    if len(said) > longest:
        raise ValueError("the answer is too long")
    return answer.status, said
