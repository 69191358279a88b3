"""Which kind of list a file is, and its reading. Pure but for the process that opens a workbook."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from weilu.kernel.refused import Refused
from weilu.systems.importing.book import read_book
from weilu.systems.importing.ini import read_ini
from weilu.systems.importing.inventory import rows_of
from weilu.systems.importing.reading import Reading
from weilu.systems.importing.yaml_form import read_yaml

LARGEST_TEXT, LARGEST_BOOK = 1 << 20, 5 << 20  # bytes
PROGRAMS = (".py", ".sh", ".pl", ".rb", ".exe", ".js", ".pyc")


def read_file(name: str, data: bytes, prefer: Sequence[str] = ()) -> tuple[str, Reading]:
    """The kind of a file (ini, yaml, xlsx) and its rows; raises Refused where it is no list of hosts at all."""
    low = name.lower()
    if not data:
        raise Refused(_("没有选文件，或文件是空的"), field="file")
    if low.endswith((".xlsx", ".xlsm", ".xls")) or data[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        if len(data) > LARGEST_BOOK:
            raise Refused(_("文件超过 %(most)d MB") % {"most": LARGEST_BOOK >> 20}, field="file")
        return "xlsx", _some(read_book(data))
    text = _text(low, data)
    if low.endswith((".yml", ".yaml", ".json")) or text.lstrip().startswith(("---", "all:", "{")):
        return "yaml", _some(rows_of(read_yaml(text), prefer))
    return "ini", _some(rows_of(read_ini(text), prefer))


def _text(name: str, data: bytes) -> str:
    if len(data) > LARGEST_TEXT:
        raise Refused(_("文件超过 %(most)d MB") % {"most": LARGEST_TEXT >> 20}, field="file")
    if data.startswith((b"#!", b"\x7fELF")) or name.endswith(PROGRAMS):
        raise Refused(_("这是程序，不是主机清单。维录不运行动态清单，导出成静态清单再传"), field="file")
    if data.startswith(b"$ANSIBLE_VAULT"):
        raise Refused(_("整个文件是 Ansible Vault 密文。去掉密码和密钥后，把明文清单传上来"), field="file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(_("文件不是 UTF-8 编码。另存为 UTF-8 再传"), field="file") from None
    if "\0" in text:
        raise Refused(_("这不是文本文件"), field="file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _some(reading: Reading) -> Reading:
    """A file without any host is a mistake, unless what is wrong in it says why."""
    if not reading.rows and not reading.faults:
        raise Refused(_("文件里没有主机"), field="file")
    return reading
