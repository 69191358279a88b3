"""The HTTP face: a page for people, JSON for programs, /healthz for those who run it."""

import json
import sys
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from jzdesk import pages, store
from jzdesk.release import ROUTES, VERSION

LONGEST_BODY = 20_000


class Desk(BaseHTTPRequestHandler):
    shared: Path
    config: dict[str, object]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/":
            self.answer(200, pages.front(store.appointments(self.shared), self.held()), "text/html; charset=utf-8")
        elif path == "/healthz":
            self.json(200, {"status": "ok", "version": VERSION, "schema": store.schema_of(self.shared)})
        elif path == "/api/appointments":
            self.json(200, {"appointments": store.appointments(self.shared)})
        elif path in ROUTES:
            self.json(200, ROUTES[path](self.shared, self.config))
        else:
            self.json(404, {"reason": "没有这个页面"})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LONGEST_BODY:
            self.json(413, {"reason": "内容太长"})
            return
        body = self.rfile.read(length).decode("utf-8", "replace")
        if urlsplit(self.path).path != "/api/appointments":
            self.json(404, {"reason": "没有这个页面"})
            return
        form = self.fields(body)
        missing = [key for key in ("name", "phone", "matter", "day") if not form.get(key, "").strip()]
        if missing:
            self.json(422, {"reason": "没有填写：" + "、".join(missing)})
            return
        try:
            number = store.book(self.shared, form["name"], form["phone"], form["matter"], form["day"])
        except store.WritesHeld:
            self.json(503, {"reason": "系统升级中，暂停预约，稍后再试"}, {"Retry-After": "30"})
            return
        self.json(201, {"id": number})

    def fields(self, body: str) -> dict[str, str]:
        if self.headers.get_content_type() == "application/json":
            try:
                found = json.loads(body)
            except ValueError:
                return {}
            return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
        return {key: values[0] for key, values in parse_qs(body).items()}

    def held(self) -> bool:
        return (self.shared / "READONLY").exists()

    def json(self, status: int, value: object, headers: dict[str, str] | None = None) -> None:
        self.answer(status, json.dumps(value, ensure_ascii=False), "application/json; charset=utf-8", headers)

    def answer(self, status: int, text: str, kind: str, headers: dict[str, str] | None = None) -> None:
        body = text.encode()
        self.send_response(HTTPStatus(status))
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        sys.stderr.write(f"{self.log_date_time_string()} {escape(format % args, quote=False)}\n")


def serve(shared: Path, port: int) -> int:
    """Serve until stopped; 98 with a sentence when the port is taken."""
    Desk.shared = shared
    Desk.config = json.loads((shared / "config.json").read_text("utf-8"))
    ThreadingHTTPServer.daemon_threads = True
    try:
        site = ThreadingHTTPServer(("127.0.0.1", port), Desk)
    except OSError as problem:
        sys.stderr.write(f"端口 {port} 不能使用：{problem.strerror}\n")
        return 98
    site.serve_forever()
    return 0
