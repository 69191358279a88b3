"""What is particular to release 1.0.0: the first."""

from collections.abc import Callable
from pathlib import Path

VERSION = "1.0.0"
COLUMNS = {"day": "日期", "name": "姓名", "matter": "事项"}

MIGRATIONS = [
    [
        "CREATE TABLE appointment (id INTEGER PRIMARY KEY, name TEXT NOT NULL, phone TEXT NOT NULL,"
        " matter TEXT NOT NULL, day TEXT NOT NULL)",
        "INSERT INTO appointment (name, phone, matter, day) VALUES"
        " ('孙桂兰', '138 0000 0001', '养老待遇资格认证', '2026-09-28'),"
        " ('何志强', '138 0000 0002', '社会保障卡补领', '2026-09-28'),"
        " ('㛃秀英', '138 0000 0003', '养老关系转移', '2026-09-29')",
    ],
]

ROUTES: dict[str, Callable[[Path, dict[str, object]], object]] = {}
