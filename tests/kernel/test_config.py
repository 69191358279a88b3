"""A wrong setting is a sentence that names it and says what to do."""

from pathlib import Path

import pytest

from weilu.config import WrongSetting, read_config

pytestmark = pytest.mark.once


def test_the_defaults_need_nothing(tmp_path: Path):
    config = read_config({"WEILU_DATA_DIR": str(tmp_path)})

    assert config.database()["NAME"] == str(tmp_path / "weilu.sqlite3")
    assert (config.port, config.hosts) == (8000, ("127.0.0.1", "localhost", "[::1]"))
    assert (tmp_path / "keys" / "session.key").stat().st_mode & 0o777 == 0o600
    assert read_config({"WEILU_DATA_DIR": str(tmp_path)}).secret_key == config.secret_key


def test_a_postgresql_url_is_taken_apart():
    env = {
        "WEILU_SECRET_KEY": "x",
        "WEILU_DATABASE_URL": "postgresql://wei%40lu:p%2Fw@db.example:5433/main",
    }

    database = read_config(env).database()

    assert [database[key] for key in ("USER", "PASSWORD", "HOST", "PORT", "NAME")] == [
        "wei@lu", "p/w", "db.example", "5433", "main",
    ]  # fmt: skip


def test_a_socket_folder_can_be_named():
    env = {"WEILU_SECRET_KEY": "x", "WEILU_DATABASE_URL": "postgresql://weilu@/main?host=/run/pg"}

    assert read_config(env).database()["HOST"] == "/run/pg"


def test_the_public_address_loses_its_last_slash():
    env = {"WEILU_SECRET_KEY": "x", "WEILU_PUBLIC_URL": "https://weilu.example.cn/"}

    assert read_config(env).public_url == "https://weilu.example.cn"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("PORT", "８０００"),
        ("PORT", "-1"),
        ("WEILU_CHECKPOINT_SECONDS", "601"),
        ("WEILU_CHECKPOINT_SECONDS", "1.5"),
        ("WEILU_PUBLIC_URL", "weilu.example.cn"),
        ("WEILU_PUBLIC_URL", "https://"),
        ("WEILU_DATABASE_URL", "mysql://x"),
        ("WEILU_DATABASE_URL", "postgresql://h:99999/x"),
        ("WEILU_DATABASE_URL", "postgresql://h:abc/x"),
    ],
)
def test_a_wrong_value_is_a_sentence(name: str, value: str):
    with pytest.raises(WrongSetting) as told:
        read_config({"WEILU_SECRET_KEY": "x", name: value})
    assert (str(told.value).startswith(name), str(told.value).endswith("改正后重新启动。")) == (True, True)


def test_a_data_folder_that_cannot_be_made(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(WrongSetting) as told:
        read_config({"WEILU_DATA_DIR": str(tmp_path / "file")})
    assert (
        str(told.value)
        == f"WEILU_DATA_DIR（{tmp_path / 'file'}）不能读写：File exists。换一个可写的目录，或改它的权限。"
    )


MAIL = {"WEILU_SECRET_KEY": "x", "WEILU_SMTP_HOST": "mail.example.cn", "WEILU_SMTP_FROM": "weilu@example.cn"}


def test_without_a_mail_server_there_is_none():
    assert read_config({"WEILU_SECRET_KEY": "x", "WEILU_SMTP_USER": "weilu"}).smtp is None


@pytest.mark.parametrize(("tls", "port"), [("", 587), ("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_mail_port_follows_the_encryption(tls: str, port: int):
    smtp = read_config(MAIL | {"WEILU_SMTP_TLS": tls}).smtp
    assert smtp is not None
    assert (smtp.host, smtp.port, smtp.sender, smtp.password()) == ("mail.example.cn", port, "weilu@example.cn", "")


@pytest.mark.parametrize(
    ("over", "begins"),
    [
        ({"WEILU_SMTP_TLS": "ssl"}, "WEILU_SMTP_TLS 现在是「ssl」"),
        ({"WEILU_SMTP_PORT": "0"}, "WEILU_SMTP_PORT 现在是「0」"),
        ({"WEILU_SMTP_FROM": "维录"}, "WEILU_SMTP_FROM 现在是「维录」"),
        ({"WEILU_SMTP_USER": "weilu"}, "WEILU_SMTP_USER 和 WEILU_SMTP_PASSWORD_FILE 要么都设"),
        (
            {"WEILU_SMTP_TLS": "none", "WEILU_SMTP_USER": "weilu", "WEILU_SMTP_PASSWORD_FILE": "/x"},
            "WEILU_SMTP_TLS 是 none，密码会明文经过网络",
        ),
    ],
)
def test_a_wrong_mail_setting_is_a_sentence(over: dict[str, str], begins: str):
    with pytest.raises(WrongSetting) as told:
        read_config(MAIL | over)
    assert str(told.value)[: len(begins)] == begins
