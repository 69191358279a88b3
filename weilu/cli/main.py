"""The command `weilu`: reads its arguments, and turns every known trouble into one sentence."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from weilu.cli import keeping, vault, witness, witnesses
from weilu.cli.telling import tell, told
from weilu.cli.trouble import Trouble, explained

WRONG = 2  # the exit code when a setting, a port or the database stands in the way


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "weilu.settings")
    args = parser().parse_args(argv)
    try:
        if args.command == "witness":  # runs where there is no Django
            return witness.run(args)
        with explained():
            return COMMANDS[args.command](args)
    except Trouble as trouble:
        tell(trouble, trouble=True)
        return WRONG
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="weilu", description=told("维录：软件升级维护，从申请到签字的报告单。"))
    commands = top.add_subparsers(dest="command", required=True, metavar=told("命令"))
    commands.add_parser("init", help=told("建好数据目录、数据库、静态文件和密钥；可重复运行"))
    serve = commands.add_parser("serve", help=told("启动网页和工作进程"))
    serve.add_argument("--no-worker", action="store_true", help=told("只启动网页，工作进程在别处运行"))
    for one in (serve, commands.add_parser("worker", help=told("只启动工作进程"))):
        pool = told("还办哪些标签的主机，可写几次；没有标签的主机谁都办")
        one.add_argument("--pool", action="append", default=[], metavar=told("标签"), help=pool)
    story = commands.add_parser("story", help=told("不用浏览器，把演示故事走一遍"))
    story.add_argument(
        "--out", type=Path, required=True, metavar=told("目录"), help=told("报告单 PDF 和证据导出放在这里")
    )
    seed = commands.add_parser("seed", help=told("写进许多编造的工单，供测量；中断后接着写"))
    seed.add_argument("--items", type=int, required=True, metavar=told("件数"), help=told("一共要有多少件"))
    seed.add_argument("--kind", choices=["change"], default="change", help=told("哪一类工单"))
    commands.add_parser("demo", help=told("建好、走一遍故事、然后启动"))
    commands.add_parser("check", help=told("检查设置、程序和运行状况，每条附解决办法"))
    verify = commands.add_parser("verify", help=told("核验一份证据导出；不给目录，核验这里的整个日志"))
    verify.add_argument("directory", nargs="?", metavar=told("目录"))
    verify.add_argument("--trust", metavar=told("公钥文件"), help=told("另行取得的公钥；没有它只能证明内部一致"))
    keeping.arguments(commands)
    _person(commands.add_parser("person", help=told("人员：在这台机器上解锁、设新密码")))
    _evidence(commands.add_parser("evidence", help=told("证据：导出、公钥")))
    vault.arguments(commands.add_parser("vault", help=told("保险库：凭据的密钥，在工作机上办")))
    witness.arguments(commands.add_parser("witness", help=told("见证：另一方自己的程序，不需要维录的数据库")))
    return top


def _person(command: argparse.ArgumentParser) -> None:
    what = command.add_subparsers(dest="what", required=True, metavar=told("做什么"))
    for name, words in (
        ("unlock", "结束因密码错误而起的锁定"),
        ("password", "设新密码；从终端或标准输入读，不作参数"),
        ("second-factor", "重置两步验证"),
    ):
        what.add_parser(name, help=told(words)).add_argument("username", metavar=told("工号"))


def _evidence(command: argparse.ArgumentParser) -> None:
    what = command.add_subparsers(dest="what", required=True, metavar=told("做什么"))
    export = what.add_parser("export", help=told("导出一件工单的证据"))
    export.add_argument("item", metavar=told("工单"), help=told("工单的编号或标识"))
    export.add_argument("--out", type=Path, required=True, metavar=told("目录"))
    what.add_parser("key", help=told("打印证据日志的公钥和它的指纹"))
    reopen = what.add_parser("reopen", help=told("恢复旧备份之后，用新的日志来源重新开启"))
    reopen.add_argument("--origin", required=True, metavar=told("日志来源"), help=told("新的名称"))
    reopen.add_argument("--witnessed", type=Path, required=True, metavar=told("文件"), help=told("见证最后签过的"))
    reopen.add_argument("-o", "--out", type=Path, required=True, metavar=told("文件"), help=told("写给见证接受的文件"))
    witnesses.arguments(what.add_parser("witness", help=told("登记、停用、请求见证")))


def _init(args: argparse.Namespace) -> int:
    from weilu.cli.setup import set_up

    set_up(say=tell)
    return 0


def _serve(args: argparse.Namespace) -> int:
    from weilu.cli.serve import serve

    return serve(with_worker=not args.no_worker, pools=args.pool)


def _worker(args: argparse.Namespace) -> int:
    from weilu.cli.serve import work

    return work(args.pool)


def _story(args: argparse.Namespace) -> int:
    from weilu.cli.setup import set_up

    set_up()
    from weilu.cli.story import play

    play(args.out)
    return 0


def _demo(args: argparse.Namespace) -> int:
    from weilu.cli.show import show

    return show()


def _seed(args: argparse.Namespace) -> int:
    from weilu.cli.setup import set_up

    set_up()
    from weilu.cli.seed import seed

    return seed(args.items)


def _check(args: argparse.Namespace) -> int:
    from weilu.cli.check import report

    return report()


def _person_command(args: argparse.Namespace) -> int:
    from weilu.cli.rescue import DEEDS

    return DEEDS[args.what](args.username)


def _verify(args: argparse.Namespace) -> int:
    if args.directory is None:
        from weilu.cli.proof import verify_log

        return verify_log()
    from weilu.evidence.verifier import main as verify

    return verify([args.directory, *(["--trust", args.trust] if args.trust else [])])


def _evidence_command(args: argparse.Namespace) -> int:
    from weilu.cli.proof import export, show_key

    if args.what == "witness":
        return witnesses.run(args)
    if args.what == "reopen":
        return witnesses.reopen(args.origin, args.witnessed, args.out)
    return show_key() if args.what == "key" else export(args.item, args.out)


COMMANDS = {
    "init": _init,
    "serve": _serve,
    "worker": _worker,
    "story": _story,
    "seed": _seed,
    "demo": _demo,
    "check": _check,
    "verify": _verify,
    "evidence": _evidence_command,
    "person": _person_command,
    "vault": vault.run,
    **keeping.COMMANDS,
}

if __name__ == "__main__":
    sys.exit(main())
