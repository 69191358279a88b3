"""Forms into PDF/A-2b, by a warm child process with limits on time and memory."""

import atexit
import json
import os
import select
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from weilu.documents.glyphs import FONTS, FORM_NAME, legible
from weilu.kernel.refused import Refused

FORMS = Path(__file__).with_name("forms")
PROGRAM = Path(__file__).with_name("press.py")
LARGEST = 4_000_000  # bytes of data in one form
LENGTH = struct.Struct(">I")  # as in press.py, which is not imported: typst stays out of this process


class PressFailed(Exception):
    """The form could not be set: a fault of the form, not of what people wrote."""


class Press:
    """One child process that prints; started when first needed, started anew after it was ended.

    `seconds` is the time one sheet may take; `megabytes` bounds what the process may allocate, and
    `resident` what it may keep between sheets: beyond that it is ended and the next sheet starts another.
    """

    def __init__(self, forms: Path = FORMS, *, seconds: float = 20, megabytes: int = 600, resident: int = 230) -> None:
        self.forms, self.seconds, self.megabytes, self.resident = forms, seconds, megabytes, resident
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = 0  # a forked process must not speak into its parent's child
        self._turn = threading.Lock()

    def print(self, form: str, data: dict[str, Any]) -> bytes:
        """`data` set in `form` as PDF/A-2b, the same bytes for the same data.

        `data["timestamp"]` (seconds since 1970) is the date the document carries. Raises Refused when
        the sheet takes too long or too much memory, PressFailed when the form itself is wrong.
        """
        if not FORM_NAME.fullmatch(form) or not (self.forms / f"{form}.typ").is_file():
            raise PressFailed(f"no form is called {form!r}")
        text = json.dumps(legible(data), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        order = json.dumps({"form": form, "timestamp": int(data["timestamp"]), "data": text}).encode()
        if len(order) > LARGEST:
            raise Refused(_("这份单据的内容太多，排不了版。删减后再打印"))
        with self._turn:
            answer = self._ask(order)
        if answer[:1] != b"=":
            raise PressFailed(answer[1:].decode("utf-8", "replace"))
        return answer[1:]

    @property
    def pid(self) -> int:
        """The child's process id, 0 when none runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else 0

    def close(self) -> None:
        """End the child; the next sheet starts another."""
        child, self._child = self._child, None
        if child is not None and self._owner == os.getpid():
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()

    def resident_megabytes(self) -> float:
        """What the child holds in memory now; 0 when none runs or the system does not say."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def _ask(self, order: bytes) -> bytes:
        deadline = time.monotonic() + self.seconds
        try:
            child = self._running()
            into, out = child.stdin.fileno(), child.stdout.fileno()  # type: ignore[union-attr]
            self._send(into, LENGTH.pack(len(order)) + order, deadline)
            (length,) = LENGTH.unpack(self._receive(out, LENGTH.size, deadline))
            answer = self._receive(out, length, deadline)
        except TimeoutError:
            self.close()
            raise Refused(
                _("排版超过 %(seconds)d 秒，已停止，什么都没有改变。删减过长的内容后再打印") % {"seconds": self.seconds}
            ) from None
        except (BrokenPipeError, EOFError):
            self.close()
            raise Refused(_("排版程序中断（可能内存不够），什么都没有改变。稍后再打印")) from None
        if self.resident_megabytes() > self.resident:
            self.close()
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._owner != os.getpid():
            self._child, self._owner = None, os.getpid()
        if self._child is None or self._child.poll() is not None:
            self.close()
            self._child = subprocess.Popen(
                [sys.executable, "-I", str(PROGRAM), str(self.forms), str(FONTS), str(self.megabytes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"RAYON_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2", "LC_ALL": "C.UTF-8"},
                bufsize=0,
            )
            os.set_blocking(self._child.stdin.fileno(), False)  # type: ignore[union-attr]
        return self._child

    @staticmethod
    def _send(pipe: int, data: bytes, deadline: float) -> None:
        while data:
            _wait(pipe, select.POLLOUT, deadline)
            data = data[os.write(pipe, data) :]

    @staticmethod
    def _receive(pipe: int, length: int, deadline: float) -> bytes:
        pieces = bytearray()
        while len(pieces) < length:
            _wait(pipe, select.POLLIN, deadline)
            piece = os.read(pipe, length - len(pieces))
            if not piece:
                raise EOFError
            pieces += piece
        return bytes(pieces)


def _wait(pipe: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(pipe, event)
    if not poll.poll(max(0, deadline - time.monotonic()) * 1000):
        raise TimeoutError


PRESS = Press()
atexit.register(PRESS.close)


def print_form(form: str, data: dict[str, Any]) -> bytes:
    """`data` set in `forms/<form>.typ` as PDF/A-2b; the same bytes for the same data (see `Press.print`)."""
    return PRESS.print(form, data)
