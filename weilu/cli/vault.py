"""`weilu vault`: the keys that credentials are sealed to, where the workers run."""

import argparse

from weilu.cli.telling import tell, told
from weilu.cli.trouble import Trouble


def arguments(command: argparse.ArgumentParser) -> None:
    what = command.add_subparsers(dest="what", required=True, metavar=told("做什么"))
    init = what.add_parser("init", help=told("建好保险库的密钥；已有就核对"))
    init.add_argument("--lost", action="store_true", help=told("私钥确实丢了：另建一对，全部凭据停用，重新录入"))
    rotate = what.add_parser("rotate", help=told("换一对密钥，把全部凭据重新封存；中断后再运行一次"))
    rotate.add_argument("--copied", action="store_true", help=told("新的密钥文件已放到其他工作机"))


def run(args: argparse.Namespace) -> int:
    import django  # here, not above: other commands of this program, the witness's, run without it

    from weilu.cli.setup import need_tables
    from weilu.kernel.refused import Refused

    django.setup()
    need_tables()
    try:
        return _rotate(copied=args.copied) if args.what == "rotate" else _init(lost=args.lost)
    except Refused as refused:
        raise Trouble(f"{refused.reason}。{refused.help}" if refused.help else refused.reason) from None


def _init(*, lost: bool) -> int:
    from weilu.vault import keys, rotation

    if lost:
        names = rotation.begin_anew()
        tell(f"已另建一对密钥：{keys.key_file()}")
        if names:
            tell(f"已停用 {len(names)} 个凭据，要重新录入：{'、'.join(names)}", trouble=True)
        return 0
    key = keys.ensure()
    keys.private(key)
    tell(f"保险库密钥　编号 {key.number}，{key.fingerprint}；{keys.key_file()}")
    return 0


def _rotate(*, copied: bool) -> int:
    from weilu.vault import keys, rotation

    said = rotation.rotate(copied=copied)
    match said.state:
        case "prepared":
            tell(f"新密钥已在 {keys.key_file()} 里，还没有启用：工作进程还在 {'、'.join(said.machines)} 上运行。")
            tell("把这个文件复制到那些机器（0600，属于工作进程的用户），再运行 weilu vault rotate --copied")
            return 1
        case "finished":
            tell(f"上次的轮换已经完成，旧私钥已从这台机器删去；现在是编号 {said.number}。要再换一次，再运行一次。")
        case "done":
            tell(f"已换成编号 {said.number} 的密钥，重新封存了 {said.credentials} 个凭据；旧私钥已删去。")
            tell(f"备份 {keys.key_file()}；以前的备份里的凭据要用以前的密钥才打得开。")
    return 0
