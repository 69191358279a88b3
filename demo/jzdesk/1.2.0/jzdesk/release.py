"""What is particular to release 1.2.0: a voucher with a link for each appointment. Its defect is meant.

The link is joined from `public_url` of shared/config.json without minding a slash at its end. The
installation's real configuration ends in one, so there the link becomes `…//vouchers/1` and opens
nothing. A rehearsal copy has a configuration of its own (a copy must not call itself by the public
address), written without the slash: there everything works. So the rehearsal passes and the
acceptance on the real installation fails, which is what the demo wants to show.
"""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

VERSION = "1.2.0"
COLUMNS = {"day": "日期", "name": "姓名", "matter": "事项", "channel": "来源", "voucher": "凭证"}

MIGRATIONS = [
    [
        "CREATE TABLE appointment (id INTEGER PRIMARY KEY, name TEXT NOT NULL, phone TEXT NOT NULL,"
        " matter TEXT NOT NULL, day TEXT NOT NULL)",
    ],
    ["ALTER TABLE appointment ADD COLUMN channel TEXT NOT NULL DEFAULT '网上'"],
    [
        "ALTER TABLE appointment ADD COLUMN voucher TEXT NOT NULL DEFAULT ''",
        # Data changes too, so that a way back has to bring back data, not only a schema.
        "UPDATE appointment SET phone = replace(phone, ' ', ''), voucher = printf('V%06d', id)",
    ],
]


def voucher_check(shared: Path, config: dict[str, object]) -> object:
    """Whether the link printed on the latest voucher leads to its page."""
    from jzdesk.store import connect

    with closing(connect(shared)) as db:
        number = db.execute("SELECT max(id) FROM appointment").fetchone()[0]
    link = f"{config['public_url']}/vouchers/{number}"
    opens = urlsplit(link).path == f"/vouchers/{number}"
    return {"voucher": "ok"} if opens else {"voucher": "broken", "link": link}


ROUTES: dict[str, Callable[[Path, dict[str, object]], object]] = {"/api/vouchers/check": voucher_check}
