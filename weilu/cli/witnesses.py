"""`weilu evidence witness`: whom this log asks to witness it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from weilu.cli.telling import tell, told
from weilu.cli.trouble import Trouble

if TYPE_CHECKING:
    from weilu.evidence.models import Witness


def arguments(command: argparse.ArgumentParser) -> None:
    """What `weilu evidence witness` takes."""
    do = command.add_subparsers(dest="act", required=True, metavar=told("做什么"))
    enrol = do.add_parser("enrol", help=told("登记一个见证，指纹由对方念出"))
    enrol.add_argument("--side", required=True, choices=("customer", "vendor"))
    enrol.add_argument("--organisation", required=True, metavar=told("单位"))
    enrol.add_argument("--key", required=True, metavar=told("公钥"), help=told("weilu witness init 打印的那一行"))
    enrol.add_argument("--fingerprint", required=True, metavar=told("指纹"))
    enrol.add_argument("--url", default="", metavar=told("地址"), help=told("没有地址就用文件请求"))
    do.add_parser("list", help=told("有哪些见证，签到哪里"))
    do.add_parser("ask", help=told("现在就请求所有有地址的见证；工作进程平时自己请求"))
    retire = do.add_parser("retire", help=told("停用一个见证"))
    retire.add_argument("--why", required=True, metavar=told("原因"))
    request = do.add_parser("request", help=told("为没有地址的见证写请求文件"))
    request.add_argument("-o", "--out", type=Path, required=True, metavar=told("请求文件"))
    answer = do.add_parser("import", help=told("收下见证的答复文件"))
    answer.add_argument("answer", type=Path, metavar=told("答复文件"))
    for one in (retire, request, answer):
        one.add_argument("--name", required=True, metavar=told("名称"), help=told("见证的名称"))


def run(args: argparse.Namespace) -> int:
    """Carry out one `weilu evidence witness …`."""
    import django

    django.setup()
    from weilu.kernel.refused import Refused

    try:
        return DO[args.act](args)
    except Refused as refused:
        raise Trouble(refused.reason) from None


def _enrol(args: argparse.Namespace) -> int:
    from weilu.evidence.witnesses import enrol_witness

    made = enrol_witness(
        None, side=args.side, organisation=args.organisation, vkey=args.key, fingerprint=args.fingerprint, url=args.url
    )
    tell(f"已登记见证　{made.name}")
    return 0


def _list(args: argparse.Namespace) -> int:
    from weilu.evidence.models import Witness
    from weilu.evidence.witnesses import witnessed_size
    from weilu.evidence.words import finding_words

    for witness in Witness.objects.order_by("id"):
        state = "　已停用" if witness.retired_at else ""
        print(f"{witness.name}　{witness.organisation}　{witness.fingerprint}　{witness.url or '—'}{told(state)}")
        tell(f"签到 {witnessed_size(witness)} 条")
        if witness.finding:
            tell(finding_words(witness.finding, witness.finding_size))
    return 0


def _ask(args: argparse.Namespace) -> int:
    from weilu.evidence.asking import ask_due
    from weilu.evidence.models import Witness
    from weilu.evidence.words import finding_words

    answers = ask_due(now_too=True)
    for name, finding in answers.items():
        size = Witness.objects.values_list("finding_size", flat=True).get(name=name)
        tell(f"{name}　{finding_words(finding, size)}" if finding else f"{name}　已见证", trouble=bool(finding))
    return 1 if any(answers.values()) else 0


def _retire(args: argparse.Namespace) -> int:
    from weilu.evidence.witnesses import retire_witness

    retire_witness(None, _named(args.name), why=args.why)
    tell("已停用。它签过的仍然算数；这一方可以登记新的见证。")
    return 0


def _request(args: argparse.Namespace) -> int:
    from weilu.evidence.queries import last_checkpoint
    from weilu.evidence.witnesses import request_for

    text = request_for(_named(args.name), last_checkpoint())
    try:
        args.out.write_text(text, "utf-8")
    except OSError as problem:
        raise Trouble(f"{args.out} 写不了（{problem.strerror}）。检查路径和权限。") from None
    tell(f"请求在 {args.out}。带到见证那边：weilu witness cosign {args.out} -o answer")
    return 0


def _import(args: argparse.Namespace) -> int:
    from weilu.evidence.witnesses import take_answer
    from weilu.evidence.words import finding_words

    try:
        with open(args.answer, encoding="utf-8", newline="") as source:
            answer = source.read(64 * 1024)
    except (OSError, UnicodeDecodeError) as problem:
        raise Trouble(f"{args.answer} 读不到（{problem}）。检查路径和权限。") from None
    found = take_answer(None, _named(args.name), answer=answer)
    if found.finding:
        tell(finding_words(found.finding, found.finding_size), trouble=True)
        return 1
    tell(f"{found.name}　已见证")
    return 0


def reopen(origin: str, witnessed: Path, out: Path) -> int:
    """`weilu evidence reopen`; run again with the same name, it writes the document once more."""
    import django

    django.setup()
    from weilu.evidence.keys import log_key
    from weilu.evidence.models import Reopening
    from weilu.evidence.reopening import reopen_log, reopening_document
    from weilu.kernel.refused import Refused

    try:
        text = witnessed.read_text("utf-8")
        made = Reopening.objects.filter(origin=origin).first() or reopen_log(None, origin=origin, witnessed=text)
        out.write_text(reopening_document(made), "utf-8")
    except Refused as refused:
        raise Trouble(refused.reason) from None
    except (OSError, UnicodeDecodeError) as problem:
        raise Trouble(f"{witnessed} 或 {out} 读写不了（{problem}）。检查路径和权限。") from None
    tell(f"已重新开启：{origin}。新公钥的指纹　{log_key()[1].fingerprint}")
    tell(f"把 {out} 交给每个见证，指纹用电话念给他们：weilu witness accept {out} --fingerprint …")
    return 0


def _named(name: str) -> "Witness":
    from weilu.evidence.models import Witness

    found = Witness.objects.filter(name=name).first()
    if found is None:
        raise Trouble(f"没有名称是「{name[:60]}」的见证。用 weilu evidence witness list 查看。")
    return found


DO = {"enrol": _enrol, "list": _list, "ask": _ask, "retire": _retire, "request": _request, "import": _import}
