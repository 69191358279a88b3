"""What is watched of Weilu itself beside its people (OPS-9): processes, ports, calls outward, what is out of use."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from weilu.accounts.credentials import ApiToken
from weilu.accounts.models import Person
from weilu.accounts.security import watched_ids
from weilu.evidence.models import Entry, Staged, Witness
from weilu.evidence.queries import last_checkpoint
from weilu.evidence.witnesses import place_of
from weilu.jobs.processes import fell_silent, living
from weilu.kernel.times import now

HERE = "127.0.0.1"  # `weilu serve` listens nowhere else
LOOKED_BACK = timedelta(days=7)
SLACK = timedelta(minutes=1)  # beyond the longest time between two checkpoints
MOST = 200
UNKNOWN = "—"


@dataclass(frozen=True)
class Line:
    """One thing: what it is, where or whose, its state with a word, and when it last gave a sign of life or was used.

    `last` is None where nothing is known of it.
    """

    title: str
    place: str
    state: str  # passed, watch, refused or idle
    word: str
    last: datetime | None = None


def processes() -> list[Line]:
    """The critical processes: workers that live, those that stopped without saying so, and the log they sequence."""
    instant = now()
    found = [Line(_("工作进程"), one.holder, "passed", _("在运行"), one.seen) for one in living(instant)]
    if not found:
        found.append(Line(_("工作进程"), UNKNOWN, "refused", _("没有一个在运行")))
    found += [
        Line(_("工作进程"), one.holder, "watch", _("没有正常结束"), one.seen)
        for one in reversed(fell_silent(instant, within=LOOKED_BACK))
    ]
    return [*found, _log(instant)]


def _log(instant: datetime) -> Line:
    """The log keeps up while nothing waits longer for its checkpoint than the setting allows."""
    checkpoint = last_checkpoint()
    unsigned = Entry.objects.filter(index=checkpoint.size if checkpoint else 0).values_list("at", flat=True)
    since = min([*unsigned, *Staged.objects.order_by("id").values_list("at", flat=True)[:1]], default=instant)
    late = instant - since > timedelta(seconds=settings.CONFIG.checkpoint_seconds) + SLACK
    state, word = ("watch", _("有记录等检查点过久")) if late else ("passed", _("跟上"))
    return Line(_("存证日志"), settings.CONFIG.log_origin, state, word, checkpoint.at if checkpoint else None)


def doors() -> list[Line]:
    """Where Weilu listens, for remote diagnosis too, and whom it may call; addresses only, never what opens them."""
    config = settings.CONFIG
    listening = Line(_("网页与接口"), f"{HERE}:{config.port}", "passed", _("只在本机监听"))
    diagnosis = Line(_("远程诊断"), UNKNOWN, "passed", _("没有诊断端口"))
    if config.debug:
        diagnosis = Line(_("远程诊断"), "WEILU_DEBUG", "refused", _("调试方式开着，出错的页面会露出内情"))
    return [listening, diagnosis, *_outward()]


def _outward() -> Iterator[Line]:
    config = settings.CONFIG
    if config.database_url.startswith("postgresql:"):
        parts = urlsplit(config.database_url)
        yield Line(_("数据库"), _place(parts.hostname, parts.port or 5432), "passed", _("允许外连"))
    if config.smtp:
        yield Line(_("邮件服务器"), _place(config.smtp.host, config.smtp.port), "passed", _("允许外连"))
    if config.ldap:
        yield Line(_("单位目录"), urlsplit(config.ldap.url).netloc.rpartition("@")[2], "passed", _("允许外连"))
    if config.oidc:
        yield Line(_("单位统一身份"), urlsplit(config.oidc.issuer).netloc, "passed", _("允许外连"))
    asked = {place_of(one.url): one for one in Witness.objects.active().exclude(url="").order_by("id")}
    for place in config.witness_hosts:
        one = asked.get(place)
        if one is None:
            yield Line(_("见证"), place, "idle", _("允许外连，没有用到"))
        else:
            yield Line(_("见证"), place, "passed", _("允许外连"), one.answered_at)


def _place(host: str | None, port: int) -> str:
    return f"{host or HERE}:{port}"


def out_of_use(person: Person) -> list[Line]:
    """What was put out of use, the latest first: witnesses, the tokens and the accounts of the customers' own people.

    Of the customers whose security `person` looks after; a witness is every customer's matter.
    """
    instant, owners = now(), watched_ids(person)
    found = [
        Line(_("见证"), one.name, "idle", _("已停用：%(why)s") % {"why": one.retired_why}, one.retired_at)
        for one in Witness.objects.exclude(retired_at=None).order_by("-retired_at")[:MOST]
    ]
    tokens = ApiToken.objects.filter(person__organisation__in=owners).select_related("person")
    for token in tokens.exclude(revoked_at=None).order_by("-revoked_at")[:MOST]:
        found.append(Line(_("访问令牌"), _whose(token), "idle", _("已撤销"), token.revoked_at))
    for token in tokens.filter(revoked_at=None, until__lte=instant).order_by("-until")[:MOST]:
        found.append(Line(_("访问令牌"), _whose(token), "idle", _("已到期"), token.until))
    found.sort(key=lambda one: one.last or instant, reverse=True)
    gone = Person.objects.filter(organisation__in=owners, is_active=False).order_by("-id")[:MOST]
    return [*found, *(Line(_("账号"), f"{one.name} {one.username}", "idle", _("已停用")) for one in gone)]


def _whose(token: ApiToken) -> str:
    return f"{token.person.name} {token.name} {token.hint}…"
