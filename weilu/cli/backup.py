"""`weilu backup`: one moment of the database, every kept file, and what both were, in one checked file."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import django

from weilu import __version__
from weilu.cli import key_box, rows, schema
from weilu.cli.archive import CHUNK, KEYS, Writer, writing
from weilu.cli.telling import tell
from weilu.cli.trouble import Trouble

SETTINGS = ("log_origin", "public_url", "hosts", "witness_hosts", "checkpoint_seconds", "port")  # none is a secret


@dataclass(frozen=True)
class Kept:
    """What a backup holds, for whoever made it."""

    place: Path
    rows: int
    files: int
    damaged: tuple[str, ...]  # files whose content is no longer what their name says
    size: int
    root: str


def backup(to: Path | None, *, with_keys: bool, passphrase_file: Path | None) -> int:
    """Write a backup beside whatever runs; 1 where a kept file was found damaged."""
    django.setup()
    from weilu.settings import CONFIG

    words = key_box.passphrase(passphrase_file, twice=True) if with_keys else ""
    made = make(to or default_place(CONFIG.data_dir), CONFIG, words=words)
    tell(f"备份　{made.place}（{made.place.stat().st_size / (1 << 20):.1f} MiB）")
    tell(f"{made.rows} 行，{made.files} 个文件，存证 {made.size} 条，根 {made.root[:16]}…；已读回核对")
    if not with_keys:
        tell(f"密钥不在里面：{CONFIG.data_dir / 'keys'} 另行保管，或加 --with-keys。没有密钥，恢复后不能接着签存证。")
    if CONFIG.vault_key.parent != CONFIG.data_dir / "keys":
        tell(f"保险库密钥 {CONFIG.vault_key} 不在备份里，另行保管。没有它，恢复后凭据要重新录入。")
    for name in made.damaged:
        tell(f"文件 {name[:12]} 的内容与登记的摘要不一致，照原样放进了备份。从更早的备份取回。", trouble=True)
    return 1 if made.damaged else 0


def default_place(data_dir: Path) -> Path:
    from weilu.kernel.times import SHANGHAI, now

    folder = data_dir / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"weilu-{now().astimezone(SHANGHAI):%Y%m%d-%H%M%S}.backup"


def make(to: Path, config: Any, *, words: str = "", files: bool = True) -> Kept:
    """Write and check the backup `to`; raises Trouble where it cannot be written, or the log does not hold."""
    from weilu.evidence.actions import LogDamaged

    to = to.expanduser().absolute()
    if not to.parent.is_dir():
        raise Trouble(f"没有目录 {to.parent}。先建好它，或换一个地方。")
    with writing(to) as out, schema.snapshot() as alias:
        try:
            manifest = _database(out, alias)
        except LogDamaged as damage:
            raise Trouble(f"存证日志不完整（{damage}），没有备份。用更早的备份核对，不要覆盖它。") from None
        damaged = _files(out, config.data_dir / "files") if files else ()
        if words:
            out.put(KEYS, [key_box.seal(config.data_dir / "keys", words)], packed=False)
        manifest |= {
            "weilu": __version__, "python": platform.python_version(), "damaged": list(damaged),
            "settings": {name: getattr(config, name) for name in SETTINGS},
        }  # fmt: skip
        out.finish(manifest)
    count = sum(name.startswith("files/") for name in out.members)
    log = manifest["log"]
    return Kept(to, sum(one["rows"] for one in manifest["tables"].values()), count, damaged, log["size"], log["root"])


def _database(out: Writer, alias: str) -> dict[str, Any]:
    """Write every table as it was at the moment of `alias`; answers what the manifest says of it."""
    from django.db import connections

    from weilu.evidence.soundness import check_log
    from weilu.kernel.times import iso, now

    base, made_at = connections[alias], iso(now())
    names = schema.applied(base)
    if schema.unknown(names) or not names:
        raise Trouble("数据库属于更新的版本，或还没有建好。用它自己的版本来备份。")
    apps = schema.models_at(names)
    log = check_log(apps, alias)
    models = rows.models_of(apps)
    tables = {}
    for model in models:
        counted = rows.Tally()
        out.put(f"tables/{model._meta.db_table}.jsonl", _counting(rows.lines_of(model, alias), counted))
        tables[model._meta.db_table] = counted.facts()
    return {
        "made_at": made_at, "vendor": base.vendor, "migrations": names, "tables": tables,
        "serials": rows.serials(models, base), "log": asdict(log),
    }  # fmt: skip


def _counting(lines: Iterator[bytes], counted: rows.Tally) -> Iterator[bytes]:
    for line in lines:
        counted.add(line)
        yield line


def _files(out: Writer, folder: Path) -> tuple[str, ...]:
    """Every kept file, after the rows, so that no row lacks its file; answers those that are damaged."""
    from weilu.evidence.files import DIGEST

    damaged = []
    for place in sorted(folder.glob("??/*")):
        if DIGEST.fullmatch(place.name) and out.put(f"files/{place.name}", _pieces(place), packed=False) != place.name:
            damaged.append(place.name)
    return tuple(damaged)


def _pieces(place: Path) -> Iterator[bytes]:
    with place.open("rb") as source:
        while piece := source.read(CHUNK):
            yield piece
