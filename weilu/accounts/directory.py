"""The organisation's directory (LDAP): whether a name and password open an entry there."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _
from ldap3 import NONE, SUBTREE, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars

from weilu.config_sign_in import Ldap
from weilu.kernel.deadline import Deadline
from weilu.kernel.refused import Refused

PATIENCE = 5  # seconds for connecting, and for each answer
ALL = 10.0  # seconds for one conversation, however the directory drips
WRONG_PASSWORD = 49  # invalidCredentials, the one result that says no; any other says that the directory cannot tell


@dataclass(frozen=True)
class Entry:
    """Somebody whom the directory let in."""

    username: str  # as the directory spells it
    name: str


def away() -> Refused:
    """The sentence when the directory does not answer, or answers what it should not."""
    return Refused(_("单位的目录服务没有应答，请稍后再试"), help=_("有本地密码的人仍可登录"), field="password")


def entry_of(username: str, password: str) -> Entry | None:
    """The entry that this name and password open; None where there is none; raises Refused when nobody can tell.

    The name reaches the directory escaped. An empty password is no password: directories let it in as nobody.
    """
    config: Ldap | None = settings.LDAP
    if config is None or not username or not password or not password.isprintable():
        return None
    try:
        return _entry(config, username, password)
    except (LDAPException, OSError, ssl.SSLError):
        raise away() from None


def _entry(config: Ldap, username: str, password: str) -> Entry | None:
    wanted = config.filter.replace("{username}", escape_filter_chars(username))
    with _connection(config, config.bind_dn, config.bind_password()) as search:
        if search.result["result"] != 0:
            raise away()
        attributes = [config.username_attribute, config.name_attribute]
        search.search(config.base, wanted, SUBTREE, attributes=attributes, size_limit=2, time_limit=PATIENCE)
        found = [one for one in search.response or [] if one["type"] == "searchResEntry"]
    if len(found) != 1:  # nobody, or a filter that fits several: then nobody is meant
        return None
    dn, values = found[0]["dn"], found[0]["attributes"]
    with _connection(config, dn, password) as own:
        if own.result["result"] == WRONG_PASSWORD:
            return None
        if own.result["result"] != 0:
            raise away()
    return Entry(_first(values, config.username_attribute), _first(values, config.name_attribute))


@contextmanager
def _connection(config: Ldap, dn: str, password: str) -> Iterator[Connection]:
    """A connection on which `dn` has tried to bind (its result says how that went), never in clear off this machine."""
    tls = Tls(
        validate=ssl.CERT_REQUIRED, ca_certs_file=str(config.ca) if config.ca else None, version=ssl.PROTOCOL_TLS_CLIENT
    )
    server = Server(config.url, tls=tls, get_info=NONE, connect_timeout=PATIENCE)
    connection = Connection(
        server, user=dn or None, password=password or None, auto_referrals=False, receive_timeout=PATIENCE,
        read_only=True,
    )  # fmt: skip
    with Deadline(ALL) as deadline, _ended(connection):
        connection.open()
        deadline.watch(connection.socket)
        if config.start_tls and not connection.start_tls():
            raise away()
        connection.bind()
        yield connection


@contextmanager
def _ended(connection: Connection) -> Iterator[None]:
    try:
        yield
    finally:
        connection.unbind()


def _first(values: dict[str, object], name: str) -> str:
    value = values.get(name)
    return str(value[0] if isinstance(value, list) and value else value or "")
