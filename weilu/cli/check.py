"""`weilu check`: what is well, what is not, and the remedy for each."""

import ctypes
import importlib.util
import os
import shutil
import socket
import sqlite3
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from weilu.cli.telling import tell, told
from weilu.cli.trouble import Trouble, database_sentence, explained
from weilu.config import Config, WrongSetting, read_config
from weilu.execution.bundles import sandbox

MARKS = {"well": "✓", "watch": "！", "problem": "✗"}
LOW_DISK, NO_DISK = 2 << 30, 300 << 20  # bytes


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `remedy` is empty where all is well."""

    name: str
    state: Literal["well", "watch", "problem"]
    seen: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{MARKS[self.state]} {told(self.name)}　{told(self.seen)}"
        return f"{line}\n      {told('办法：')}{told(self.remedy)}" if self.remedy else line


def report() -> int:
    """Print every finding; 1 where something is a problem."""
    found = list(findings())
    print(*found, sep="\n")
    problems = sum(1 for finding in found if finding.state == "problem")
    watched = sum(1 for finding in found if finding.state == "watch")
    print()
    tell(f"{len(found)} 项检查，{problems} 项要解决，{watched} 项要留意")
    return 1 if problems else 0


def findings() -> Iterator[Finding]:
    """Everything there is to say, settings first since the rest depends on them."""
    yield python()
    yield from programs()
    yield fonts()
    yield clock()
    try:
        config = read_config()
    except WrongSetting as wrong:
        yield Finding("设置", "problem", "有一项不能用", str(wrong))
        return
    yield Finding("设置", "well", f"数据目录 {config.data_dir}，端口 {config.port}")
    yield disk(config)
    yield from database(config)
    yield keys(config)
    yield mail(config)


def python() -> Finding:
    seen = (
        f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}，SQLite {sqlite3.sqlite_version}"
    )
    if sqlite3.sqlite_version_info < (3, 35):
        return Finding("Python", "problem", seen, "SQLite 需要 3.35 或更新：换用 Debian 12 自带的 Python。")
    return Finding("Python", "well", seen)


# program, where it is looked for beside the path, without it what is lost, remedy
PROGRAMS = (
    ("gpgv", "problem", "不能核对升级包的签名", "apt-get install gpgv"),
    ("ssh", "watch", "不能在远程主机上执行", "apt-get install openssh-client"),
    ("ssh-agent", "watch", "不能在远程主机上执行", "apt-get install openssh-client"),
    ("bwrap", "watch", "不执行上传的剧本", "apt-get install bubblewrap"),
    ("ansible-playbook", "problem", "不能执行升级", "make install"),
)


def programs() -> Iterator[Finding]:
    """Programs Weilu calls; those of its own environment are found without PATH."""
    from weilu.vault import agent

    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    for name, state, loss, remedy in PROGRAMS:
        place = shutil.which(name, path=path)
        if place and name == "bwrap" and (why := sandbox.trouble()):
            yield Finding(name, "watch", f"不能运行（{why}），不执行上传的剧本", "允许用户命名空间，或换一台工作机")
        elif place and name == "ssh" and (version := agent.openssh()) < agent.BOUND_SINCE:
            seen = ".".join(map(str, version))
            yield Finding(
                name, "watch", f"OpenSSH {seen} 早于 8.9，不能在远程主机上执行", "换用 Debian 12 自带的 openssh-client"
            )
        elif place:
            yield Finding(name, "well", place)
        else:
            yield Finding(name, "problem" if state == "problem" else "watch", f"没有安装，{loss}", remedy)


def fonts() -> Finding:
    """The typesetter and the fonts that come with Weilu."""
    folder = Path(__file__).parents[1] / "documents" / "fonts"
    found = [place for place in folder.rglob("*") if place.suffix.lower() in {".ttf", ".otf"}]
    if importlib.util.find_spec("typst") is None:
        return Finding("打印", "problem", "没有排版程序 typst", "make install")
    if not found:
        return Finding("打印", "problem", "随附的字体不见了", "重新取得完整的代码，再运行 make install。")
    return Finding("打印", "well", f"typst，{len(found)} 个字体文件")


def clock() -> Finding:
    """Whether the kernel says that its clock is disciplined by a time source."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (AttributeError, OSError):
        return Finding("时钟", "watch", "这台机器不说它是否对时", "确认它与统一时间源同步。")
    if state == 5:  # TIME_ERROR
        return Finding("时钟", "watch", "没有与时间源同步", "timedatectl set-ntp true，或配置 chrony")
    return Finding("时钟", "well", "已与时间源同步")


def disk(config: Config) -> Finding:
    """Room for the database, files and backups."""
    place = next(p for p in (config.data_dir, *config.data_dir.parents) if p.exists())
    free = shutil.disk_usage(place).free
    seen = f"{free / (1 << 30):.1f} GiB 可用（{place}）"
    if not os.access(place, os.W_OK):
        return Finding("磁盘", "problem", f"{place} 不可写", "换一个 WEILU_DATA_DIR，或改它的权限。")
    if free < LOW_DISK:
        state: Literal["watch", "problem"] = "problem" if free < NO_DISK else "watch"
        return Finding("磁盘", state, seen, "清出至少 2 GiB，或把 WEILU_DATA_DIR 移到更大的磁盘。")
    return Finding("磁盘", "well", seen)


def database(config: Config) -> Iterator[Finding]:
    """Reachable, writable, and of this version."""
    import django
    from django.db import connection

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "weilu.settings")
    if config.database_url.startswith("sqlite:///") and not Path(str(config.database()["NAME"])).exists():
        yield Finding("数据库", "problem", "还没有建好", "weilu init")
        return
    try:
        with explained():
            django.setup()
            try_writing()
            from weilu.cli.setup import need_tables

            need_tables()
    except Trouble as trouble:
        yield Finding("数据库", "problem", "不能用", str(trouble))
        return
    yield Finding("数据库", "well", f"{connection.vendor}，可写，表结构是最新")
    yield background()
    yield vault(config)


def background() -> Finding:
    """Whether somebody carries out background jobs, and whether any was given up."""
    from weilu.jobs.models import Job
    from weilu.jobs.queries import overdue

    late, given_up = overdue().count(), Job.objects.filter(state=Job.State.GIVEN_UP).count()
    if late:
        return Finding("后台任务", "watch", f"{late} 件到时没有人办", "weilu serve 或 weilu worker 要在运行。")
    if given_up:
        return Finding("后台任务", "watch", f"{given_up} 件已放弃", "系统管理员在「后台任务」看原因，可再试。")
    return Finding("后台任务", "well", "没有迟的，没有放弃的")


def vault(config: Config) -> Finding:
    """Whether a worker on this machine could open credentials, and nobody else can."""
    from weilu.kernel.refused import Refused
    from weilu.vault import keys
    from weilu.vault.models import Credential, VaultKey

    key, place = VaultKey.objects.filter(retired_at=None).order_by("number").last(), config.vault_key
    if key is None:
        return Finding("保险库", "watch", "还没有密钥", "weilu vault init，或启动一次工作进程。")
    try:
        keys.private(key)
    except keys.Lost as lost:
        return Finding("保险库", "watch", lost.reason, "只跑网页的机器不用它；跑工作进程的从有它的机器或备份取来。")
    except Refused as refused:
        remedy = refused.help or "检查该文件和目录的权限，或从备份取回。"
        return Finding("保险库", "problem", refused.reason, remedy)
    old = Credential.objects.active().exclude(sealed_to=key).count()
    if old:
        return Finding("保险库", "problem", f"{old} 个凭据封存给旧密钥", "停用它们，重新录入。")
    return Finding("保险库", "well", f"编号 {key.number}，{place}，只有本用户可读")


def try_writing() -> None:
    """Take the write lock for a moment; waits two seconds for it, not twenty."""
    from django.db import OperationalError, connection

    with connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            cursor.execute("SELECT 1")
            return
        cursor.execute("PRAGMA busy_timeout = 2000")
        try:
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("ROLLBACK")
        except OperationalError as problem:
            raise Trouble(database_sentence(problem)) from None
        finally:
            cursor.execute("PRAGMA busy_timeout = 20000")


def keys(config: Config) -> Finding:
    """The private keys exist and nobody else can read them."""
    folder = config.data_dir / "keys"
    found = sorted(place for place in folder.glob("*") if place.is_file())
    if not [place for place in found if place.name != "session.key"]:
        return Finding("证据密钥", "problem", "还没有", "weilu init")
    public = [".pub", ".vkey"]
    loose = [p.name for p in found if p.suffix not in public and stat.S_IMODE(p.stat().st_mode) & 0o077]
    if loose:
        return Finding("证据密钥", "problem", f"别人能读：{'、'.join(loose)}", f"chmod 600 {folder}/*")
    return Finding("证据密钥", "well", f"{folder}，只有本用户可读")


def mail(config: Config) -> Finding:
    """Whether notices can leave as mail: the server answers, and nobody else reads the password's file."""
    if config.smtp is None:
        return Finding("邮件", "well", "没有设置服务器，通知只在站内")
    where, place = f"{config.smtp.host}:{config.smtp.port}", config.smtp.password_file
    try:
        config.smtp.password()
        with socket.create_connection((config.smtp.host, config.smtp.port), timeout=5):
            pass
    except OSError as problem:
        if place is not None and problem.filename:
            return Finding("邮件", "problem", f"密码文件 {place} 不能读", "检查 WEILU_SMTP_PASSWORD_FILE 和它的权限。")
        return Finding("邮件", "problem", f"服务器 {where} 连不上", "检查 WEILU_SMTP_HOST、WEILU_SMTP_PORT 和防火墙。")
    if place is not None and stat.S_IMODE(place.stat().st_mode) & 0o077:
        return Finding("邮件", "problem", f"别人能读密码文件 {place}", f"chmod 600 {place}")
    return Finding("邮件", "well", where)
