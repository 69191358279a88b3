"""The official source of releases: a folder with wheels, SHA256SUMS and its detached OpenPGP signature."""

import hashlib
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from django.utils.translation import gettext as _

from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused

CHECKED_FIRST = Clause("CHG-4")
LINE = re.compile(r"^([0-9a-f]{64}) [ *]([A-Za-z0-9][A-Za-z0-9._+-]*\.whl)$")
SIGNED_BY = re.compile(r"^\[GNUPG:\] VALIDSIG ([0-9A-F]+)", re.MULTILINE)
NAME_OF = re.compile(r"^\[GNUPG:\] GOODSIG [0-9A-F]+ (.+)$", re.MULTILINE)
LARGEST_LIST = 1_000_000


@dataclass(frozen=True)
class Release:
    """A release as its channel vouches for it."""

    wheel: str  # file name
    sha256: str
    signer: str  # whose key signed SHA256SUMS: name and end of the fingerprint


def read_release(channel: Path, keyring: Path, version: str) -> Release:
    """The release `version` of a channel, its signature and its bytes checked (CHECKED_FIRST).

    Raises Refused when the channel is gone, the signature is not by a key of `keyring`, the
    version is not listed or its file is not the listed one.
    """
    sums, signature = _read(channel, "SHA256SUMS"), _read(channel, "SHA256SUMS.sig")
    signer = _signer(sums, signature, keyring)
    listed = sums.decode("utf-8", "replace")
    found = [match.groups() for match in map(LINE.match, listed.splitlines()) if match]
    fitting = [(sha, name) for sha, name in found if name.split("-")[1:2] == [version]]
    if len(fitting) != 1:
        known = _("、").join(sorted(name.split("-")[1] for _sha, name in found)) or "—"
        raise Refused(
            _("渠道里没有版本 %(version)s，现有 %(known)s") % {"version": version, "known": known},
            CHECKED_FIRST,
            field="version",
        )
    sha256, wheel = fitting[0]
    _check_bytes(channel / wheel, sha256)
    return Release(wheel, sha256, signer)


def _check_bytes(wheel: Path, sha256: str) -> None:
    try:
        with wheel.open("rb") as data:
            actual = hashlib.file_digest(data, "sha256").hexdigest()
    except OSError:
        raise Refused(
            _("渠道里缺升级包 %(wheel)s。恢复渠道后再提交") % {"wheel": wheel.name}, CHECKED_FIRST, field="version"
        ) from None
    if actual != sha256:
        raise Refused(
            _("升级包 %(wheel)s 与渠道公布的 SHA-256 不一致，不能使用。重新从渠道获取") % {"wheel": wheel.name},
            CHECKED_FIRST,
            field="version",
        )


def _read(channel: Path, name: str) -> bytes:
    try:
        with (channel / name).open("rb") as data:
            found = data.read(LARGEST_LIST + 1)
    except OSError:
        raise Refused(
            _("升级包渠道不可用：读不到 %(place)s。恢复渠道后再提交") % {"place": channel / name},
            CHECKED_FIRST,
            field="version",
        ) from None
    if len(found) > LARGEST_LIST:
        raise Refused(
            _("渠道的 %(name)s 太大，不像升级包清单。联系厂家核对") % {"name": name}, CHECKED_FIRST, field="version"
        )
    return found


def _signer(sums: bytes, signature: bytes, keyring: Path) -> str:
    """Whose signature stands under these very bytes; raises Refused unless a key of `keyring` made it.

    gpgv is given copies, so that what it checks is what is read, whatever happens to the channel meanwhile.
    """
    program = shutil.which("gpgv", path="/usr/bin:/bin")
    if program is None:
        raise Refused(_("这台机器没有 gpgv，不能核对渠道签名。安装 gpgv 后再试"), CHECKED_FIRST, field="version")
    with tempfile.TemporaryDirectory() as place:
        for name, data in (("sums", sums), ("sig", signature)):
            (Path(place) / name).write_bytes(data)
        done = subprocess.run(
            [program, "--homedir", place, "--status-fd", "1", "--keyring", str(keyring.absolute()), "sig", "sums"],
            cwd=place, capture_output=True, timeout=30, check=False, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
    status = done.stdout.decode("utf-8", "replace")
    valid, name_of = SIGNED_BY.search(status), NAME_OF.search(status)
    if done.returncode != 0 or not valid or not name_of:
        raise Refused(
            _("渠道清单的签名核对不通过，升级包来源不可信。不要使用，联系厂家核对"), CHECKED_FIRST, field="version"
        )
    return f"{unquote(name_of[1])} {valid[1][-16:]}"
