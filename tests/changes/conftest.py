"""A signed channel, built once; each test has a copy of its own that it may spoil."""

import shutil
from pathlib import Path

import pytest
from django.test import Client

from demo.channel import Channel, build_channel
from tests.cast import Cast, make_change, make_environment, make_group, make_host, make_installation
from tests.changes.steps import bring, signed_in
from weilu.changes.models import Change
from weilu.demo import publish_kinds
from weilu.systems.models import Installation, System


@pytest.fixture(scope="session")
def channel_source(tmp_path_factory: pytest.TempPathFactory) -> Channel:
    return build_channel(tmp_path_factory.mktemp("channel"))


@pytest.fixture
def channel(channel_source: Channel, tmp_path: Path) -> Channel:
    shutil.copytree(channel_source.folder, tmp_path / "channel")
    shutil.copyfile(channel_source.keyring, tmp_path / "keyring.gpg")
    return Channel(tmp_path / "channel", tmp_path / "keyring.gpg")


@pytest.fixture
def installation(cast: Cast, channel: Channel) -> Installation:
    return make_installation(cast, channel.folder, channel.keyring)


@pytest.fixture
def kinds(cast: Cast, installation: Installation) -> Installation:
    """The installation of a customer who has also published standard and emergency changes and templates."""
    publish_kinds(cast.jz)
    return installation


@pytest.fixture
def change(cast: Cast, installation: Installation) -> Change:
    return make_change(cast, installation)


@pytest.fixture
def three(cast: Cast, installation: Installation) -> list[Change]:
    """三项 of 王: the first before its confirmation of the need, the others before their analysis."""
    made = [make_change(cast, installation, title) for title in ("第一项", "第二项", "第三项")]
    bring(cast, made[0], "need")
    return made


@pytest.fixture
def system(installation: Installation) -> System:
    """The system with three hosts of 应用 in 现网."""
    found: System = installation.system
    group = make_group(make_environment(found, kind="production"))
    for _n in range(3):
        make_host(group)
    return found


@pytest.fixture
def chen(cast: Cast) -> Client:
    return signed_in(cast.chen)
