"""The settings an installation has, read from the environment; `docs/operations.md` explains each."""

import os
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from weilu.config_sign_in import Ldap, Oidc, WrongSignIn, read_ldap, read_oidc

T = TypeVar("T")


class WrongSetting(Exception):
    """A setting has a value Weilu cannot work with; the message is the sentence to show."""


@dataclass(frozen=True)
class Smtp:
    """The mail server that notices leave by; the password stays in its file until it is needed."""

    host: str  # WEILU_SMTP_HOST
    port: int  # WEILU_SMTP_PORT
    tls: str  # WEILU_SMTP_TLS: starttls, tls or none
    user: str  # WEILU_SMTP_USER
    password_file: Path | None  # WEILU_SMTP_PASSWORD_FILE
    sender: str  # WEILU_SMTP_FROM

    def password(self) -> str:
        """What the file says now, without its last line end; raises OSError."""
        return self.password_file.read_text("utf-8").rstrip("\r\n") if self.password_file else ""


@dataclass(frozen=True)
class Config:
    """What the environment says, checked."""

    data_dir: Path  # WEILU_DATA_DIR: database, files, keys, attempts
    database_url: str  # WEILU_DATABASE_URL: sqlite:///path or postgresql://user:password@host:port/name
    secret_key: str  # WEILU_SECRET_KEY: signs sessions
    hosts: tuple[str, ...]  # WEILU_ALLOWED_HOSTS: names the site answers to, comma separated
    port: int  # PORT
    log_origin: str  # WEILU_LOG_ORIGIN: the name of the evidence log
    witness_hosts: tuple[str, ...]  # WEILU_WITNESS_HOSTS: host:port of the witnesses that may be asked, comma separated
    public_url: str  # WEILU_PUBLIC_URL: how people outside reach the site; stands in the QR of a sheet
    checkpoint_seconds: int  # WEILU_CHECKPOINT_SECONDS: longest time between two checkpoints
    language: str  # WEILU_LANGUAGE: zh or en, of the command line
    debug: bool  # WEILU_DEBUG
    oidc: Oidc | None  # WEILU_OIDC_*: see `config_sign_in`
    ldap: Ldap | None  # WEILU_LDAP_*: see `config_sign_in`
    proxies: tuple[str, ...]  # WEILU_TRUSTED_PROXIES: addresses whose X-Forwarded-For is believed, comma separated
    smtp: Smtp | None  # WEILU_SMTP_*; none: notices stay in the inbox
    vault_key: Path  # WEILU_VAULT_KEY: the private key that opens credentials; only workers read it

    @property
    def site(self) -> str:
        """How links in papers and mails begin."""
        return self.public_url or f"http://{self.hosts[0]}:{self.port}"

    @property
    def over_tls(self) -> bool:
        """Whether people reach the site by https: a proxy before it ends TLS, the site itself hears plain HTTP."""
        return self.public_url.startswith("https://")

    @property
    def origins(self) -> list[str]:
        """What browsers name as the origin of our own forms behind such a proxy; never a pattern of hosts."""
        named = [f"https://{host}" for host in self.hosts if host and "*" not in host and not host.startswith(".")]
        parts = urlsplit(self.public_url)
        public = [f"{parts.scheme}://{parts.netloc}"] if self.over_tls else []
        return list(dict.fromkeys(named + public))

    def database(self) -> dict[str, object]:
        """Django's `DATABASES["default"]`."""
        parts = urlsplit(self.database_url)
        if parts.scheme == "sqlite":
            return {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": unquote(self.database_url.removeprefix("sqlite:///")),
                "OPTIONS": {
                    "transaction_mode": "IMMEDIATE",
                    "timeout": 20,
                    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON",
                },
            }
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.lstrip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": _query(parts.query).get("host", parts.hostname or ""),
            "PORT": str(parts.port or ""),
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
            # The server plans a statement it hears again only once; half of a signature was planning.
            "OPTIONS": {"server_side_binding": True, "prepare_threshold": 3, "application_name": "weilu"},
        }


def _query(text: str) -> dict[str, str]:
    pairs = (piece.split("=", 1) for piece in text.split("&") if "=" in piece)
    return {key: unquote(value) for key, value in pairs}


def read_config(env: Mapping[str, str] | None = None) -> Config:
    """The configuration in `env` (default: the process's); raises WrongSetting with a sentence."""
    env = os.environ if env is None else env
    data_dir = Path(env.get("WEILU_DATA_DIR") or "var").expanduser().absolute()
    url = env.get("WEILU_DATABASE_URL") or f"sqlite:///{data_dir / 'weilu.sqlite3'}"
    if not url.startswith(("sqlite:///", "postgresql://")):
        raise WrongSetting("WEILU_DATABASE_URL 应以 sqlite:/// 或 postgresql:// 开头。改正后重新启动。")
    try:
        urlsplit(url).port  # noqa: B018  (reading it checks it)
    except ValueError:
        raise WrongSetting("WEILU_DATABASE_URL 的端口不是 1 到 65535 的数。改正后重新启动。") from None
    return Config(
        data_dir=data_dir,
        database_url=url,
        secret_key=env.get("WEILU_SECRET_KEY") or _kept_secret(data_dir),
        hosts=tuple(h.strip() for h in (env.get("WEILU_ALLOWED_HOSTS") or "127.0.0.1,localhost,[::1]").split(",")),
        port=_number(env, "PORT", 8000, 1, 65535),
        log_origin=env.get("WEILU_LOG_ORIGIN") or "weilu.local/log1",
        witness_hosts=_hosts(env),
        public_url=_address(env),
        checkpoint_seconds=_number(env, "WEILU_CHECKPOINT_SECONDS", 600, 1, 600),
        language=_language(env),
        debug=(env.get("WEILU_DEBUG") or "") == "1",
        ldap=_sign_in(env, read_ldap),
        oidc=_sign_in(env, read_oidc),
        proxies=_proxies(env),
        smtp=_smtp(env),
        vault_key=Path(env.get("WEILU_VAULT_KEY") or data_dir / "keys" / "vault.key").expanduser().absolute(),
    )


def speaks_english(env: Mapping[str, str] | None = None) -> bool:
    """Whether the command line speaks English; asked also where the other settings cannot be read."""
    env = os.environ if env is None else env
    return env.get("WEILU_LANGUAGE") == "en"


def _language(env: Mapping[str, str]) -> str:
    named = env.get("WEILU_LANGUAGE") or "zh"
    if named not in ("zh", "en"):
        raise WrongSetting(f"WEILU_LANGUAGE 现在是「{named[:20]}」，应是 zh 或 en。改正后重新启动。")
    return named


TLS_PORTS = {"starttls": 587, "tls": 465, "none": 25}
MAIL_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]|\.(?=[A-Za-z0-9])){1,185}")


def _smtp(env: Mapping[str, str]) -> Smtp | None:
    host = (env.get("WEILU_SMTP_HOST") or "").strip()
    if not host:
        return None
    tls = env.get("WEILU_SMTP_TLS") or "starttls"
    if tls not in TLS_PORTS:
        raise WrongSetting(f"WEILU_SMTP_TLS 现在是「{tls[:20]}」，应是 starttls、tls 或 none。改正后重新启动。")
    user, place = env.get("WEILU_SMTP_USER") or "", env.get("WEILU_SMTP_PASSWORD_FILE") or ""
    if bool(user) != bool(place):
        raise WrongSetting("WEILU_SMTP_USER 和 WEILU_SMTP_PASSWORD_FILE 要么都设，要么都不设。改正后重新启动。")
    if user and tls == "none" and host not in ("127.0.0.1", "localhost", "::1"):
        raise WrongSetting("WEILU_SMTP_TLS 是 none，密码会明文经过网络。改成 starttls 或 tls 后重新启动。")
    sender = env.get("WEILU_SMTP_FROM") or ""
    if not MAIL_ADDRESS.fullmatch(sender):
        raise WrongSetting(
            f"WEILU_SMTP_FROM 现在是「{sender[:60]}」，应是发件地址，形如 weilu@example.cn。改正后重新启动。"
        )
    port = _number(env, "WEILU_SMTP_PORT", TLS_PORTS[tls], 1, 65535)
    return Smtp(host, port, tls, user, Path(place).expanduser().absolute() if place else None, sender)


def _address(env: Mapping[str, str]) -> str:
    url = (env.get("WEILU_PUBLIC_URL") or "").rstrip("/")
    if url and (not url.startswith(("https://", "http://")) or not urlsplit(url).hostname):
        raise WrongSetting(f"WEILU_PUBLIC_URL 现在是「{url[:60]}」，应形如 https://weilu.example.cn。改正后重新启动。")
    return url


def _hosts(env: Mapping[str, str]) -> tuple[str, ...]:
    found = tuple(one.strip() for one in (env.get("WEILU_WITNESS_HOSTS") or "").split(",") if one.strip())
    for one in found:
        host, _, port = one.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise WrongSetting(f"WEILU_WITNESS_HOSTS 里的「{one[:60]}」应是「主机:端口」。改正后重新启动。")
    return found


def _sign_in(env: Mapping[str, str], read: Callable[[Mapping[str, str]], T]) -> T:
    try:
        return read(env)
    except WrongSignIn as wrong:
        raise WrongSetting(str(wrong)) from None


def _proxies(env: Mapping[str, str]) -> tuple[str, ...]:
    found = tuple(one.strip() for one in (env.get("WEILU_TRUSTED_PROXIES") or "").split(",") if one.strip())
    for one in found:
        try:
            ip_address(one)
        except ValueError:
            raise WrongSetting(f"WEILU_TRUSTED_PROXIES 里的「{one[:60]}」应是 IP 地址。改正后重新启动。") from None
    return found


def _number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise WrongSetting(f"{name} 现在是「{text[:40]}」，应是 {low} 到 {high} 的整数。改正后重新启动。")
    return int(text)


def _kept_secret(data_dir: Path) -> str:
    """The key kept in the data folder, made at first use and readable by its owner only."""
    place = data_dir / "keys" / "session.key"
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        place.parent.mkdir(exist_ok=True, mode=0o700)
        if not place.exists():
            with suppress(FileExistsError):  # another process was faster: its key is the one
                handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with open(handle, "w") as out:
                    out.write(secrets.token_urlsafe(48))
        return place.read_text()
    except OSError as problem:
        raise WrongSetting(
            f"WEILU_DATA_DIR（{data_dir}）不能读写：{problem.strerror}。换一个可写的目录，或改它的权限。"
        ) from None
