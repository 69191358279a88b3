"""Archives as people upload them, sound or hostile."""

import io
import stat
import tarfile
import zipfile


def zipped(**over: str | bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in over.items():
            archive.writestr(name, text)
    return packed.getvalue()


def zip_link() -> bytes:
    """A zip whose one entry is a link out of it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        link = zipfile.ZipInfo("site.yml")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/shadow")
    return packed.getvalue()


def tarred(*entries: tarfile.TarInfo) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for each in entries:
            archive.addfile(each, io.BytesIO(b"x" * each.size) if each.isreg() else None)
    return packed.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.size, found.linkname = kind, size, "/etc/shadow"
    return found
