"""The witness on HTTP: POST /add-checkpoint, and GET / for a person who looks."""

import ipaddress
import sqlite3
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from weilu.evidence.witness.asked import Answer, add_checkpoint
from weilu.evidence.witness.store import Home, Lost
from weilu.kernel.deadline import Deadline

LONGEST = 64 * 1024  # bytes of a request
PATIENCE = 10  # seconds for one connection, all in all
AT_ONCE = 16  # requests
LINES = 128  # connections; who only holds one is cut off after PATIENCE


class Server(ThreadingHTTPServer):
    """One witness, listening; a request beyond AT_ONCE is turned away, a connection beyond LINES closed."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], home: Home, tls: ssl.SSLContext | None) -> None:
        self.home, self.tls = home, tls
        self.room, self.lines = threading.BoundedSemaphore(AT_ONCE), threading.BoundedSemaphore(LINES)
        super().__init__(address, Asked)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self.lines.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            with Deadline(PATIENCE) as deadline:
                deadline.watch(request)
                super().process_request_thread(request, client_address)
        finally:
            self.lines.release()


class Asked(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    timeout = PATIENCE
    server_version, sys_version = "weilu-witness", ""

    def setup(self) -> None:
        if self.server.tls is not None:  # in this request's thread: a slow handshake holds up nobody else
            self.request.settimeout(PATIENCE)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self.path != "/add-checkpoint":
            self._say(Answer(404, "not found\n"))
        elif not length.isascii() or not length.isdigit():
            self._say(Answer(411, "a length is needed\n"))
        elif len(length) > 6 or int(length) > LONGEST:
            self._say(Answer(413, "too long\n"))
        else:
            self._in_turn(self.rfile.read(int(length)))  # only what has arrived takes a place

    def _in_turn(self, body: bytes) -> None:
        if not self.server.room.acquire(blocking=False):
            self._say(Answer(503, "busy\n"))
            return
        try:
            self._say(self._answer(body))
        finally:
            self.server.room.release()

    def do_GET(self) -> None:
        if self.path != "/":
            self._say(Answer(404, "not found\n"))
        else:
            self._say(Answer(200, f"{self.server.home.vkey}\n"))

    def _answer(self, body: bytes) -> Answer:
        try:
            return add_checkpoint(self.server.home, body.decode("utf-8"))
        except UnicodeDecodeError:
            return Answer(400, "not UTF-8\n")
        except (Lost, sqlite3.Error) as problem:
            self.log_error("%s", problem)
            return Answer(500, "the store cannot be written\n")

    def _say(self, answer: Answer) -> None:
        body = answer.body.encode()
        kind = "text/x.tlog.size" if answer.status == 409 else "text/plain; charset=utf-8"
        self.send_response(answer.status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True


def listen(home: Home, host: str, port: int, certificate: Path | None, key: Path | None) -> Server:
    """A server that has its port; plain HTTP on the loopback address only."""
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            tls.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as problem:
            raise Lost(f"证书 {certificate} 不能用（{problem}）。检查文件和权限。") from None
    elif not is_loopback(host):
        raise Lost("对别的机器开放要用 TLS：加上 --cert 和 --key，或在本机前面放一个 TLS 代理。")
    try:
        return Server((host, port), home, tls)
    except OSError as problem:
        raise Lost(f"端口 {port} 不能使用（{problem.strerror}）。用 --port 换一个端口。") from None


def is_loopback(host: str) -> bool:
    """Whether this address never leaves the machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
