"""The settings of signing in by a directory or an identity provider; `weilu.config` reads them with the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class WrongSignIn(Exception):
    """A setting has a value Weilu cannot work with; the message is the sentence to show."""


@dataclass(frozen=True)
class Ldap:
    """A directory that is asked for names and passwords."""

    url: str  # WEILU_LDAP_URL: ldaps://host:port, or ldap:// with STARTTLS
    start_tls: bool  # WEILU_LDAP_STARTTLS
    ca: Path | None  # WEILU_LDAP_CA: the certificates that are trusted; else the system's
    bind_dn: str  # WEILU_LDAP_BIND_DN: who searches; empty: anonymous
    bind_password_file: Path | None  # WEILU_LDAP_BIND_PASSWORD_FILE: a file with the password and nothing else
    base: str  # WEILU_LDAP_BASE: where people are searched
    filter: str  # WEILU_LDAP_FILTER: with {username} where the escaped name goes
    username_attribute: str  # WEILU_LDAP_USERNAME
    name_attribute: str  # WEILU_LDAP_NAME
    create_in: str  # WEILU_LDAP_CREATE_IN: code of the organisation that newcomers are added to, without rights

    def bind_password(self) -> str:
        """The password of `bind_dn`, read when it is needed."""
        return self.bind_password_file.read_text().strip() if self.bind_password_file else ""


@dataclass(frozen=True)
class Oidc:
    """An identity provider whose word lets people in."""

    issuer: str  # WEILU_OIDC_ISSUER: https, or http on this machine
    client_id: str  # WEILU_OIDC_CLIENT_ID
    client_secret_file: Path | None  # WEILU_OIDC_CLIENT_SECRET_FILE: a file with the secret and nothing else
    claim: str  # WEILU_OIDC_CLAIM: the claim that holds the work number

    def client_secret(self) -> str:
        """The client's secret, read when it is needed."""
        return self.client_secret_file.read_text().strip() if self.client_secret_file else ""


def read_oidc(env: Mapping[str, str]) -> Oidc | None:
    """The provider in `env`; None where there is none. Raises WrongSignIn with a sentence."""
    issuer = (env.get("WEILU_OIDC_ISSUER") or "").strip()
    if not issuer:
        return None
    parts = urlsplit(issuer)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise WrongSignIn("WEILU_OIDC_ISSUER 应形如 https://id.example.cn。改正后重新启动。")
    if not env.get("WEILU_OIDC_CLIENT_ID"):
        raise WrongSignIn("设了 WEILU_OIDC_ISSUER，还要设 WEILU_OIDC_CLIENT_ID。改正后重新启动。")
    secret = _file(env, "WEILU_OIDC_CLIENT_SECRET_FILE")
    return Oidc(issuer, env["WEILU_OIDC_CLIENT_ID"], secret, env.get("WEILU_OIDC_CLAIM") or "preferred_username")


def read_ldap(env: Mapping[str, str]) -> Ldap | None:
    """The directory in `env`; None where there is none. Raises WrongSignIn with a sentence."""
    url = (env.get("WEILU_LDAP_URL") or "").strip()
    if not url:
        return None
    parts, start_tls = urlsplit(url), env.get("WEILU_LDAP_STARTTLS") == "1"
    if parts.scheme not in ("ldap", "ldaps") or not parts.hostname:
        raise WrongSignIn("WEILU_LDAP_URL 应形如 ldaps://ldap.example.cn。改正后重新启动。")
    if parts.scheme == "ldap" and not start_tls and parts.hostname not in LOOPBACK:
        raise WrongSignIn("WEILU_LDAP_URL 是明文的 ldap://，密码会被看到。改用 ldaps://，或设 WEILU_LDAP_STARTTLS=1。")
    wanted = env.get("WEILU_LDAP_FILTER") or "(uid={username})"
    if "{username}" not in wanted:
        raise WrongSignIn("WEILU_LDAP_FILTER 里没有 {username}。改正后重新启动。")
    if not env.get("WEILU_LDAP_BASE"):
        raise WrongSignIn("设了 WEILU_LDAP_URL，还要设 WEILU_LDAP_BASE。改正后重新启动。")
    return Ldap(
        url, start_tls, _file(env, "WEILU_LDAP_CA"), env.get("WEILU_LDAP_BIND_DN") or "",
        _file(env, "WEILU_LDAP_BIND_PASSWORD_FILE"), env["WEILU_LDAP_BASE"], wanted,
        env.get("WEILU_LDAP_USERNAME") or "uid", env.get("WEILU_LDAP_NAME") or "cn",
        env.get("WEILU_LDAP_CREATE_IN") or "",
    )  # fmt: skip


def _file(env: Mapping[str, str], name: str) -> Path | None:
    given = env.get(name)
    if given and not Path(given).is_file():
        raise WrongSignIn(f"{name} 指的文件「{given[:60]}」不在或不能读。改正后重新启动。")
    return Path(given) if given else None
