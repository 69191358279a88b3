"""Known troubles as sentences: what is wrong, and what to do."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from weilu.config import WrongSetting


class Trouble(Exception):
    """The command cannot go on; the message is the sentence to show."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn a wrong setting, and a database that is locked or away, into Trouble."""
    from django.db import OperationalError

    try:
        yield
    except WrongSetting as wrong:
        raise Trouble(str(wrong)) from None
    except OperationalError as problem:
        raise Trouble(database_sentence(problem)) from None


def database_sentence(problem: Exception) -> str:
    """What stands between us and the database, and the way on."""
    text = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
    if "locked" in text:
        return "数据库正被另一个程序占用。等它做完，或停掉它（fuser 数据库文件 可查），再试一次。"
    if "unable to open" in text or "readonly" in text:
        return f"数据库文件打不开或不能写（{text}）。检查 WEILU_DATA_DIR 的权限和磁盘空间。"
    if "no such table" in text or "does not exist" in text:
        return f"数据库还没有建好（{text}）。先运行 weilu init。"
    return f"数据库连不上（{text}）。检查 WEILU_DATABASE_URL，确认数据库已启动，再试一次。"


def need_free_port(host: str, port: int) -> None:
    """Raise Trouble where somebody already listens, before anything is started."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise Trouble(_port_sentence(problem, port)) from None


def _port_sentence(problem: OSError, port: int) -> str:
    if problem.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else port - 1
        return f"端口 {port} 已被另一个程序占用。换一个端口：PORT={other}；或停掉占用它的程序（ss -ltnp 可查）。"
    if problem.errno == errno.EACCES:
        return f"没有权限使用端口 {port}。换一个 1024 以上的端口：PORT=8000。"
    return f"端口 {port} 不能使用（{problem.strerror}）。换一个端口：PORT=8001。"
