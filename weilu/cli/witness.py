"""`weilu witness`: the other side's program, with its own key and store; needs neither Django nor Weilu's database."""

import argparse
import getpass
import os
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path

from weilu.cli.telling import tell, told
from weilu.cli.trouble import Trouble
from weilu.evidence.checkpoint import parse_vkey
from weilu.evidence.witness.accepting import accept, last_signed
from weilu.evidence.witness.asked import Answer, add_checkpoint
from weilu.evidence.witness.server import LONGEST, listen
from weilu.evidence.witness.store import Home, Lost, make, open_home, retire

PORT = 8471
SAID = {
    400: "请求文件读不懂，或已被改动。让维录那边重新写一份。",
    403: "这份日志不是这个见证登记的，或签名不是它的公钥签的。没有签名。",
    404: "这份日志不是这个见证登记的，或签名不是它的公钥签的。没有签名。",
    409: "这份日志没有从见证记得的地方接着写：见证已签到 %(size)s 条。没有签名。",
    422: "证明不成立：这份日志改动了见证签过的内容。没有签名。告诉双方负责人。",
}


def arguments(command: argparse.ArgumentParser) -> None:
    """What `weilu witness` takes."""
    what = command.add_subparsers(dest="what", required=True, metavar=told("做什么"))
    init = what.add_parser("init", help=told("建一个见证：自己的密钥和存储，放在维录的数据之外"))
    init.add_argument("--name", required=True, metavar=told("名称"), help=told("例如 jiangzhou.example.cn/witness"))
    init.add_argument("--log", required=True, metavar=told("公钥"), help=told("weilu evidence key 打印的那一行"))
    serve = what.add_parser("serve", help=told("等日志来请求签名"))
    serve.add_argument("--host", default="127.0.0.1", metavar=told("地址"))
    serve.add_argument("--port", type=int, default=PORT, metavar=told("端口"))
    serve.add_argument("--cert", type=Path, metavar=told("证书"), help=told("TLS 证书；对别的机器开放时必须有"))
    serve.add_argument("--key", type=Path, metavar=told("私钥"), help=told("证书的私钥"))
    cosign = what.add_parser("cosign", help=told("为文件里的请求签名，给两边网络不通的单位用"))
    cosign.add_argument("request", type=Path, metavar=told("请求文件"))
    cosign.add_argument("-o", "--out", type=Path, required=True, metavar=told("答复文件"))
    show = what.add_parser("show", help=told("公钥、指纹、签到哪里、拒绝过什么"))
    last = what.add_parser("last", help=told("写出最后签过的检查点，给恢复了备份的维录用"))
    last.add_argument("-o", "--out", type=Path, required=True, metavar=told("文件"))
    accepts = what.add_parser("accept", help=told("接受恢复备份后重新开启的日志；由人决定"))
    accepts.add_argument("document", type=Path, metavar=told("文件"), help=told("weilu evidence reopen 写出的那一份"))
    accepts.add_argument("--fingerprint", required=True, metavar=told("指纹"), help=told("维录那边念出的新公钥指纹"))
    stop = what.add_parser("retire", help=told("停用这个见证，不能再启用"))
    stop.add_argument("--why", required=True, metavar=told("原因"))
    for one in (init, serve, cosign, show, last, accepts, stop):
        one.add_argument("--home", type=Path, default=Path("witness"), metavar=told("目录"), help=told("默认 witness"))


def run(args: argparse.Namespace) -> int:
    """Carry out one `weilu witness …`."""
    try:
        return DO[args.what](args)
    except Lost as lost:
        raise Trouble(str(lost)) from None


def _init(args: argparse.Namespace) -> int:
    try:
        log = parse_vkey(args.log.strip())
    except ValueError:
        raise Trouble("日志的公钥写得不对。用 weilu evidence key 打印的那一整行。") from None
    home = make(args.home, args.name, log, getpass.getuser())
    tell(f"日志　{log.name}")
    tell(f"日志公钥的指纹　{log.fingerprint}")
    tell("把它与维录那边念的指纹核对。不同就删掉这个目录，另取公钥。")
    _tell_key(home)
    return 0


def _tell_key(home: Home) -> None:
    tell(f"见证公钥　{home.vkey}")
    tell(f"见证公钥的指纹　{home.vkey.fingerprint}")
    tell("把公钥交给维录的管理员；指纹另用电话念给他。")


def _serve(args: argparse.Namespace) -> int:
    server = listen(open_home(args.home), args.host, args.port, args.cert, args.key)

    def stop(*_: object) -> None:
        threading.Thread(target=server.shutdown).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    scheme = "http" if args.cert is None else "https"
    tell(f"见证已启动：{scheme}://{args.host}:{server.server_port}　（Ctrl-C 停止）")
    with server:
        server.serve_forever(poll_interval=0.2)
    return 0


def _cosign(args: argparse.Namespace) -> int:
    home = open_home(args.home)
    try:
        with open(args.request, "rb") as source:
            text = source.read(LONGEST + 1)
    except OSError as problem:
        raise Trouble(f"{args.request} 读不到（{problem.strerror}）。检查路径和权限。") from None
    answer = Answer(400, "too long\n") if len(text) > LONGEST else add_checkpoint(home, text.decode("utf-8", "replace"))
    good = answer.status == 200
    note = text.decode("utf-8", "replace").partition("\n\n")[2]
    try:
        _write(args.out, note + answer.body if good else f"{answer.status}\n{answer.body}")
    except OSError as problem:
        raise Trouble(f"{args.out} 写不了（{problem.strerror}）。检查路径和权限。") from None
    if not good:
        tell(SAID[answer.status] % {"size": answer.body.strip()}, trouble=True)
        return 1
    tell(f"已签名，答复在 {args.out}。把它交回维录。")
    return 0


def _write(place: Path, text: str) -> None:
    """Whole or not at all."""
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        with open(draft, "x", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.replace(draft, place)
    finally:
        draft.unlink(missing_ok=True)


def _show(args: argparse.Namespace) -> int:
    home = open_home(args.home)
    _tell_key(home)
    with home.store() as kept:
        logs = kept.execute("SELECT origin, size, ended FROM log ORDER BY accepted, origin").fetchall()
        newest = dict(kept.execute("SELECT origin, max(at) FROM cosigned GROUP BY origin").fetchall())
        refused = kept.execute("SELECT origin, status, size, times, last FROM refused ORDER BY last DESC").fetchall()
    for origin, size, ended in logs:
        last = _when(newest.get(origin))
        if ended:
            tell(f"日志　{origin}　签到 {size} 条　{last}　已结束")
        else:
            tell(f"日志　{origin}　签到 {size} 条　{last}")
    for origin, status, size, times, last in refused:
        tell(f"拒绝　{origin}　{status}　{size} 条　{times} 次　{_when(last)}")
    return 0


def _when(at: int | None) -> str:
    """Local time with its offset; the witness has its own clock."""
    return datetime.fromtimestamp(at, UTC).astimezone().isoformat(" ", "seconds") if at else "—"


def _retire(args: argparse.Namespace) -> int:
    retire(open_home(args.home), args.why)
    tell("已停用。在维录也把它停用，再登记新的见证。")
    return 0


def _last(args: argparse.Namespace) -> int:
    text = last_signed(open_home(args.home))
    try:
        _write(args.out, text)
    except OSError as problem:
        raise Trouble(f"{args.out} 写不了（{problem.strerror}）。检查路径和权限。") from None
    tell(f"最后签过的检查点在 {args.out}。把它交给维录的管理员。")
    return 0


def _accept(args: argparse.Namespace) -> int:
    home = open_home(args.home)
    try:
        document = args.document.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise Trouble(f"{args.document} 读不到（{problem}）。检查路径和权限。") from None
    start, end = accept(home, document, args.fingerprint, getpass.getuser())
    tell(f"已接受。旧日志从第 {start} 条到第 {end} 条之间可能丢失，新日志从头记下了这件事。")
    return 0


DO = {
    "init": _init,
    "serve": _serve,
    "cosign": _cosign,
    "show": _show,
    "last": _last,
    "accept": _accept,
    "retire": _retire,
}
