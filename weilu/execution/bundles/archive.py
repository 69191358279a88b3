"""An uploaded bundle as an archive: read in bounded memory and time, or refused with the entry's name.

Pure: bytes in, a dict of names and contents out. An archive inside an archive is just a file.
"""

import io
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from django.utils.translation import gettext as _

from weilu.kernel.refused import Refused

MOST_BYTES, MOST_UNPACKED, MOST_FILES, LONGEST_NAME, DEEPEST = 20 << 20, 100 << 20, 2000, 200, 12
STEEPEST, SMALL = 200, 1 << 20  # bytes unpacked for one packed, once that makes more than a little
Files = dict[str, bytes]
Entry = tuple[str, bytes]


def unpack(data: bytes) -> Files:
    """Every file of a zip or tar.gz by its path, in order; raises Refused with the sentence a person reads."""
    if len(data) > MOST_BYTES:
        raise Refused(_("剧本包超过 %(most)d MB。大文件作为升级包上传") % {"most": MOST_BYTES >> 20})
    try:
        entries = _zip(data) if data[:2] == b"PK" else _tar(data)
        return _gather(entries)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, zlib.error, NotImplementedError, ValueError):
        raise Refused(_("剧本包不是完好的 zip 或 tar.gz。重新打包后再上传")) from None


def _gather(entries: Iterator[Entry]) -> Files:
    files: Files = {}
    seen: dict[str, str] = {}
    for name, content in entries:
        _check_name(name)
        path = PurePosixPath(name)
        for each in (path, *path.parents):
            told = seen.setdefault(_folded(str(each)), str(each))
            if told != str(each):
                raise Refused(_("剧本包里「%(one)s」与「%(other)s」只差大小写或写法") % {"one": told, "other": each})
        if str(path) in files or any(str(each) in files for each in path.parents):
            raise Refused(_("剧本包里「%(name)s」出现两次，或既是文件又是目录") % {"name": name})
        files[str(path)] = content
    if not files:
        raise Refused(_("剧本包是空的"))
    for name in files:
        if any(str(each) == name for other in files for each in PurePosixPath(other).parents):
            raise Refused(_("剧本包里「%(name)s」出现两次，或既是文件又是目录") % {"name": name})
    return files


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _check_name(name: str) -> None:
    path = PurePosixPath(name)
    strange = any(unicodedata.category(sign).startswith("C") for sign in name) or "\\" in name
    if path.is_absolute() or ".." in path.parts or strange or name[1:2] == ":":
        raise Refused(_("剧本包里的路径「%(name)s」指向包外或含不能用的字符") % {"name": name[:80]})
    if len(name) > LONGEST_NAME or len(path.parts) > DEEPEST:
        raise Refused(_("剧本包里的路径「%(name)s…」太长或太深") % {"name": name[:80]})


def _only_files(name: str) -> Refused:
    return Refused(_("剧本包里「%(name)s」是链接、设备或特殊文件，只收普通文件") % {"name": name[:80]})


def _too_much() -> Refused:
    words = _("剧本包解开后超过 %(size)d MB 或 %(files)d 个文件，或压缩得不合常理")
    return Refused(words % {"size": MOST_UNPACKED >> 20, "files": MOST_FILES})


def _zip(data: bytes) -> Iterator[Entry]:
    total = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if len(archive.infolist()) > MOST_FILES:
            raise _too_much()
        for each in archive.infolist():
            kind = stat.S_IFMT(each.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _only_files(each.filename)
            if each.flag_bits & 1:
                raise Refused(_("剧本包里「%(name)s」有密码，不能核对") % {"name": each.filename[:80]})
            if each.is_dir():
                _check_name(each.filename)
                continue
            with archive.open(each) as source:
                content = source.read(MOST_UNPACKED - total + 1)
            total += len(content)
            steep = len(content) > SMALL and len(content) > STEEPEST * max(each.compress_size, 1)
            if total > MOST_UNPACKED or steep:
                raise _too_much()
            yield each.filename, content


def _tar(data: bytes) -> Iterator[Entry]:
    """A tar.gz: unfolded into memory up to the bound first, so that no header can ask for more."""
    unfold = zlib.decompressobj(wbits=31)
    plain = unfold.decompress(data, MOST_UNPACKED + 1)
    if len(plain) > MOST_UNPACKED or (len(plain) > SMALL and len(plain) > STEEPEST * len(data)):
        raise _too_much()
    if not unfold.eof:
        raise EOFError
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
        for count, each in enumerate(archive):
            if count >= MOST_FILES:
                raise _too_much()
            if each.isdir():
                _check_name(each.name)
                continue
            source = archive.extractfile(each) if each.type in (tarfile.REGTYPE, tarfile.AREGTYPE) else None
            if source is None:
                raise _only_files(each.name)
            yield each.name.removeprefix("./"), source.read()
