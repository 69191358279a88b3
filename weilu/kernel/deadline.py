"""A conversation with another machine has an end, however slowly the other side drips."""

import os
import socket
from contextlib import suppress
from threading import Lock, Timer
from types import TracebackType


class Deadline:
    """Hangs up on every connection it watches once `seconds` have passed since `with` began.

    A time limit of a socket is one for each answer: a byte now and then keeps it alive for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._timer, self._lock = Timer(seconds, self._hang_up), Lock()
        self._lines: list[socket.socket] = []
        self.over = False

    def __enter__(self) -> "Deadline":
        self._timer.daemon = True
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The conversation is over, and with it the connection, whoever still holds a piece of it."""
        self._timer.cancel()
        with self._lock:
            while self._lines:
                with self._lines.pop() as line, suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)

    def watch(self, line: socket.socket) -> None:
        """Hang up on `line` in time, and on the TLS that is begun over it: both are one connection."""
        with self._lock:
            # A handle of our own: TLS takes the socket itself away from us, already in its handshake.
            self._lines.append(socket.socket(fileno=os.dup(line.fileno())))
        if self.over:
            self._hang_up()

    def _hang_up(self) -> None:
        self.over = True
        with self._lock:
            for line in self._lines:
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
