"""What `weilu check` says of programs, mail and background jobs."""

import dataclasses
import os
import socket
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings

from tests.support.mailbox import mail_server
from weilu.cli.check import background, mail, programs
from weilu.config import Config, Smtp
from weilu.jobs.models import Job
from weilu.kernel.times import now
from weilu.vault import agent


def config(smtp: Smtp | None) -> Config:
    return dataclasses.replace(settings.CONFIG, smtp=smtp)


@pytest.mark.once
def test_mail_is_sound_missing_or_named_with_its_remedy(tmp_path: Path):
    place = tmp_path / "password"
    place.write_text("secret")
    place.chmod(0o600)
    with mail_server() as box:
        server = box.settings(user="weilu", password_file=place)
        found = [mail(config(None)), mail(config(server))]
        place.chmod(0o644)
        found.append(mail(config(server)))
        place.unlink()
        found.append(mail(config(server)))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found.append(mail(config(box.settings(port=port))))

    assert [(one.state, one.seen) for one in found] == [
        ("well", "没有设置服务器，通知只在站内"),
        ("well", f"127.0.0.1:{box.port}"),
        ("problem", f"别人能读密码文件 {place}"),
        ("problem", f"密码文件 {place} 不能读"),
        ("problem", f"服务器 127.0.0.1:{port} 连不上"),
    ]


@pytest.mark.once
@pytest.mark.parametrize(
    ("said", "state", "seen"),
    [
        ("OpenSSH_8.4p1 Debian-5+deb11u3, OpenSSL 1.1.1w", "watch", "OpenSSH 8.4 早于 8.9，不能在远程主机上执行"),
        ("OpenSSH_8.9p1 Ubuntu-3, OpenSSL 3.0.2", "well", "{folder}/ssh"),
        ("Dropbear v2022.83", "watch", "OpenSSH 0.0 早于 8.9，不能在远程主机上执行"),
    ],
)
def test_an_openssh_that_binds_no_keys_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, state: str, seen: str
):
    place = tmp_path / "ssh"
    place.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    place.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    agent.openssh.cache_clear()
    try:
        found = {one.name: one for one in programs()}["ssh"]
    finally:
        agent.openssh.cache_clear()
    assert (found.state, found.seen) == (state, seen.format(folder=tmp_path))
    assert found.remedy == ("" if state == "well" else "换用 Debian 12 自带的 openssh-client")


@pytest.mark.django_db
def test_jobs_that_wait_for_nobody_and_those_given_up_are_named():
    said = [background().seen]
    Job.objects.create(kind="notify.mail", state=Job.State.GIVEN_UP)
    said.append(background().seen)
    late = Job.objects.create(kind="notify.mail", at=now() - timedelta(minutes=6))
    said.append(background().seen)
    Job.objects.filter(id=late.id).update(lease_until=now() + timedelta(seconds=9))  # in somebody's hands
    said.append(background().seen)
    assert said == ["没有迟的，没有放弃的", "1 件已放弃", "1 件到时没有人办", "1 件已放弃"]
