"""What an uploaded bundle may hold: refused with file and line, in bounded time."""

import tarfile
import time
from pathlib import Path

import pytest

from tests.support.archives import entry, tarred, zip_link, zipped
from weilu.evidence import files
from weilu.execution.bundles.archive import unpack
from weilu.execution.bundles.content import check_content
from weilu.execution.bundles.keeping import lay_out
from weilu.kernel.refused import Refused

GOOD = "- hosts: all\n  tasks:\n    - copy: {src: files/a.conf, dest: /etc/a.conf}\n"


def test_a_good_bundle_is_kept_and_laid_out_as_it_was(db: None, tmp_path: Path) -> None:
    data = zipped(**{"site.yml": GOOD, "files/a.conf": "问候 = 您好\n", "inner.zip": zipped(a="b")})
    kept = files.keep(data, "升级.zip")
    lay_out(kept.sha256, tmp_path / "content", "site.yml", frozenset({"应用 1"}))
    assert (tmp_path / "content" / "files" / "a.conf").read_text() == "问候 = 您好\n"
    assert (tmp_path / "content" / "site.yml").stat().st_mode & 0o777 == 0o600


def test_a_tar_is_read_alike() -> None:
    assert unpack(tarred(entry("./roles", tarfile.DIRTYPE), entry("./roles/a.yml", size=3))) == {"roles/a.yml": b"xxx"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (zipped(**{"../site.yml": GOOD}), "指向包外"),
        (zipped(**{"/etc/site.yml": GOOD}), "指向包外"),
        (zipped(**{"a\\b.yml": GOOD}), "指向包外"),
        (zipped(**{"site.yml": GOOD, "Site.yml": GOOD}), "只差大小写"),
        (zipped(**{"a": "1", "a/b": "2"}), "既是文件又是目录"),
        (zipped(**{"a/b": "1", "a": "2"}), "既是文件又是目录"),
        (zip_link(), "只收普通文件"),
        (tarred(entry("a", tarfile.SYMTYPE)), "只收普通文件"),
        (tarred(entry("a", tarfile.LNKTYPE)), "只收普通文件"),
        (tarred(entry("a", tarfile.CHRTYPE)), "只收普通文件"),
        (tarred(entry("../a")), "指向包外"),
        (tarred(entry("a", size=90 << 20)), "压缩得不合常理"),
        (zipped(a=b"\0" * (30 << 20)), "压缩得不合常理"),
        (zipped(**{str(n): "" for n in range(2001)}), "2000 个文件"),
        (zipped(**{"x/" * 13 + "a": ""}), "太深"),
        (zipped(a="b" * 99)[:60], "不是完好的"),
        (tarred(entry("a", size=99))[:40], "不是完好的"),
        (b"", "不是完好的"),
        (b"rubbish", "不是完好的"),
        (zipped(), "是空的"),
        (b"PK" + b"x" * (20 << 20), "超过 20 MB"),
    ],
)
def test_an_archive_that_is_not_what_it_should_be_is_refused(data: bytes, words: str) -> None:
    began = time.monotonic()
    with pytest.raises(Refused, match=words):
        unpack(data)
    assert time.monotonic() - began < 5


def test_what_is_kept_and_no_bundle_is_never_laid_out(db: None, tmp_path: Path) -> None:
    kept = files.keep(zipped(**{"site.yml": GOOD, "../site.yml": GOOD}), "升级.zip")
    with pytest.raises(Refused, match="指向包外"):
        lay_out(kept.sha256, tmp_path / "content", "site.yml", frozenset({"应用 1"}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("action_plugins/copy.py", "不收插件"),
        ("library/a.py", "不收插件"),
        ("roles/r/Library/a.py", "不收插件"),
        ("collections/ansible_collections/a/b/plugins/modules/c.py", "不收插件"),
        ("ansible.cfg", "由维录给出"),
        ("roles/ansible.cfg", "由维录给出"),
        ("inventory.py", "主机清单"),
        ("hosts", "主机清单"),
        ("inventories/prod/hosts.yml", "主机清单"),
    ],
)
def test_files_that_are_code_settings_or_hosts_are_refused(name: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        check_content({"site.yml": GOOD.encode(), name: b""}, "site.yml")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("- hosts: all\n  connection: local\n", 2, "connection"),
        ("- hosts: all\n  tasks:\n    - command: id\n      delegate_to: localhost\n", 4, "delegate_to"),
        ("- hosts: all\n  tasks:\n    - local_action: command id\n", 3, "local_action"),
        ("- hosts: all\n  vars: {ansible_host: 1.2.3.4}\n", 2, "ansible_host"),
        ("- hosts: all\n  vars: {ansible_ssh_common_args: x}\n", 2, "ansible_ssh_common_args"),
        ("- hosts: localhost\n", 1, "「localhost」不在方案里"),
        ("- hosts: all,db-9\n", 1, "「db-9」不在方案里"),
        ('- hosts: "{{ x }}"\n', 1, "不在方案里"),
        ("- hosts: all\n  vars:\n    a: \"{{ lookup('pipe', 'id') }}\"\n", 3, "lookup「pipe」"),
        ("- hosts: all\n  vars:\n    a: \"{{ query(\n      'ansible.builtin.env', 'X') }}\"\n", 3, "lookup「env」"),
        ("- hosts: all\n  vars:\n    a: \"{{ lookup(b, 'id') }}\"\n", 3, "lookup「?」"),
        ("- hosts: all\n  tasks:\n    - debug:\n      with_pipe: id\n", 4, "lookup「pipe」"),
        ("- hosts: all\n  vars:\n    a: !vault |\n      x\n", 3, "标记 !vault"),
        ("- hosts: all\n  vars_files:\n    - ../../a.yml\n", 2, "指向包外"),
        ("- import_playbook: /etc/other.yml\n", 1, "指向包外"),
        ("- hosts: all\n  tasks: [\n", 3, "不是有效的 YAML"),
    ],
)
def test_what_a_playbook_may_not_say_is_named_with_file_and_line(text: str, line: int, words: str) -> None:
    with pytest.raises(Refused) as refused:
        check_content({"site.yml": text.encode()}, "site.yml", frozenset({"app-1"}))
    assert f"剧本包 site.yml 第 {line} 行" in refused.value.reason
    assert words in refused.value.reason


def test_templates_and_vault_files_are_read_too() -> None:
    for name, text, words in (
        ("templates/a.j2", "a\n{{ lookup('url', 'http://x') }}", "templates/a.j2 第 2 行：不能用 lookup「url」"),
        ("group_vars/all/secret", "$ANSIBLE_VAULT;1.1;AES256\n", "group_vars/all/secret 第 1 行：有 Ansible Vault"),
    ):
        with pytest.raises(Refused, match=words):
            check_content({"site.yml": GOOD.encode(), name: text.encode()}, "site.yml")


def test_yaml_that_unfolds_without_end_costs_no_time() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    began = time.monotonic()
    check_content({"site.yml": GOOD.encode(), "vars.yml": bomb.encode()}, "site.yml")
    with pytest.raises(Refused, match="不是有效的 YAML"):
        check_content({"site.yml": b"[" * 100_000}, "site.yml")
    assert time.monotonic() - began < 5


def test_a_playbook_that_is_not_there_is_named() -> None:
    with pytest.raises(Refused, match="没有「other.yml」"):
        check_content({"site.yml": b""}, "other.yml")
