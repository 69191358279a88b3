"""Backups hold credentials only sealed; restored with their keys, they open."""

import zipfile
from pathlib import Path

import pytest

from tests.support.installation import VENDOR, Installation, new_database

ADD = """
from tests.cast import make_cast
from tests.hosts.site import new_key
from weilu.vault.actions import add_credential
cast, private = make_cast(), new_key()[0]
add_credential(cast.zheng, cast.jz, name="密钥", kind="ssh_key", secret=private)
add_credential(cast.zheng, cast.jz, name="提权", kind="become_password", secret="planted-password-1122")
print(private.splitlines()[4])
"""
OPEN = """
from weilu.vault.models import Credential
from weilu.vault.opening import _secret
for one in Credential.objects.order_by("name"): print(_secret(one.id).decode())
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_backup_holds_credentials_only_sealed_and_they_open_where_it_is_restored(tmp_path: Path):
    def url() -> str:
        return new_database() if VENDOR == "postgresql" else ""

    site = Installation(tmp_path / "site", url())
    site.done("init")
    private = site.python(ADD).strip()
    before = site.python(OPEN)
    assert (private in before, "planted-password-1122" in before) == (True, True)
    words = tmp_path / "words"
    words.write_text("correct horse battery\n")
    archive = tmp_path / "a.backup"
    site.done("backup", "--to", archive, "--with-keys", "--passphrase-file", words)

    key = (site.home / "keys" / "vault.key").read_text().split()[1]
    with zipfile.ZipFile(archive) as found:
        told = b"".join(found.read(name) for name in found.namelist())
    assert [text for text in (private, "planted-password-1122", key) if text.encode() in told] == []

    other = Installation(tmp_path / "other", url())
    other.home.mkdir()
    other.done("restore", archive, "--with-keys", "--passphrase-file", words)
    assert other.python(OPEN) == before
