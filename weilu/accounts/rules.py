"""When sign-in waits, and what a token opens."""

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from weilu.accounts.roles import RIGHTS
from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused

NO_STEP_SKIPPED = Clause("CHG-1")

TRIES = 5  # failures of one account from one address, or on a known device, before it locks
TRIES_OF_ACCOUNT = 20  # failures of one account from anywhere
TRIES_OF_ADDRESS = 30  # failures of one address, whatever the names
LONGEST_LOCK = 30  # minutes
FORGOTTEN = timedelta(hours=24)  # a count without a failure for so long begins anew


def lock_length(failures: int, tries: int) -> timedelta | None:
    """How long the `failures`-th failure in a row locks: 1, 2, 4 … LONGEST_LOCK minutes from the `tries`-th on."""
    if failures < tries:
        return None
    return timedelta(minutes=min(2 ** min(failures - tries, 10), LONGEST_LOCK))


def check_not_locked(locks: Iterable[datetime | None], now: datetime) -> None:
    """Refuse while one of the locks holds, whatever the password."""
    until = max((lock for lock in locks if lock), default=now)
    if until > now:
        reason = _("密码错了太多次，约 %(minutes)d 分钟后可再试") % {"minutes": _minutes(until, now)}
        raise Refused(reason, help=_("系统管理员可提前解锁"), field="password")


def wrong_password(left: int, until: datetime | None, now: datetime) -> Refused:
    """The sentence after a wrong password; the same for a name that does not exist."""
    if until is None:
        return Refused(_("工号或密码不对，还可试 %(left)d 次。之后会锁定") % {"left": left}, field="password")
    reason = _("工号或密码不对，已锁定 %(minutes)d 分钟") % {"minutes": _minutes(until, now)}
    return Refused(reason, help=_("系统管理员可提前解锁"), field="password")


def wrong_code(left: int, until: datetime | None, now: datetime) -> Refused:
    """The sentence after a wrong code of the second step."""
    if until is None:
        return Refused(_("验证码不对或已用过，还可试 %(left)d 次。之后会锁定") % {"left": left}, field="code")
    reason = _("验证码不对或已用过，已锁定 %(minutes)d 分钟") % {"minutes": _minutes(until, now)}
    return Refused(reason, help=_("系统管理员可提前解锁"), field="code")


def check_no_second_factor(has: bool) -> None:
    """A second factor in use is dropped before another one is begun."""
    if has:
        raise Refused(_("两步验证已经开启"))


def check_may_drop(required: bool) -> None:
    """Where the organisation asks for the second step, nobody goes without."""
    if required:
        raise Refused(_("本单位要求两步验证，不能关闭"), who="administrator")


def check_resets_another(own: bool) -> None:
    """One's own is dropped with the password: whoever finds an administrator's browser open must not do without."""
    if own:
        words = _("自己的两步验证不能在这里重置。不用了在「登录与安全」里关闭；手机丢了用恢复码，或请另一位系统管理员")
        raise Refused(words)


def _minutes(until: datetime, now: datetime) -> int:
    return max(1, -(-int((until - now).total_seconds()) // 60))


LEAST_PASSWORD = 10  # characters


def check_new_password(password: str, username: str, *, field: str) -> None:
    """A password is long enough, can be typed, and is not the name one signs in with."""
    if len(password) < LEAST_PASSWORD:
        raise Refused(_("密码至少 10 个字符"), field=field)
    if not password.isprintable():
        raise Refused(_("密码里有不可见的字符。换一个密码"), field=field)
    if password.casefold() == username.casefold():
        raise Refused(_("密码不能与工号相同。换一个密码"), field=field)


def check_own_password(own: bool) -> None:
    """Whoever the directory lets in changes the password there."""
    if not own:
        raise Refused(_("您的密码由单位的目录服务管理，到那里改"), field="new")


WORK = "work"  # acts on items, runs and sheets, which go by seat and role
SCOPES: Mapping[str, object] = {WORK: gettext_lazy("办理工单、执行和报告单")} | {
    key: words for key, words in RIGHTS.items() if not key.endswith(".see")
}
LONGEST_TOKEN = timedelta(days=365)
MOST_TOKENS = 20
NEEDS = {  # the scope an action needs, where that is not WORK; by name, then by room
    "accounts": "people.manage",
    "accounts.set_alarms": "security.manage",
    "accounts.close_alarm": "security.manage",
    "systems": "systems.manage",
    "vault": "vault.manage",
    "vault.test_connection": WORK,
    "process.draft_flow": "flows.edit",
    "process.propose_flow": "flows.edit",
    "process.discard_flow": "flows.edit",
    "process.publish_flow": "flows.publish",
    "evidence.set_retention": "retention.set",
    "process.reject_flow": "flows.publish",
    "process.move_item": "flows.move",
    "evidence.ask_shredding": "evidence.shred",
    "evidence.decide_shredding": "evidence.shred",
    "changes.request_change": "changes.request",
    "changes.request_standard": "changes.request",
    "changes.request_emergency": "changes.request",
    "changes.propose_template": "templates.propose",
    "changes.withdraw_template": "templates.withdraw",
    "changes.set_policy": "changes.settle",
    "planning": "planning.keep",
    "planning.ask_exception": "planning.ask",
    "planning.move_booking": "planning.ask",
    "planning.approve_exception": "planning.except",
    "planning.refuse_exception": "planning.except",
    "records.cancel_number": "sheets.cancel",
}


def check_not_by_token(by_token: bool) -> None:
    """What somebody proves who they are with is changed by the person who signed in, never by a program."""
    if by_token:
        raise Refused(_("访问令牌不能办这件事，要本人登录后办"), help=_("在「登录与安全」里办"))


def check_token_day(until: date | None) -> date:
    """A token has a last day."""
    if until is None:
        raise Refused(_("到期日没有填写或不是一个日期。填好后再提交"), field="until")
    return until


def check_token_fields(scope: list[str], offered: Container[str], until: date, today: date) -> None:
    """A token carries no more than its maker may, and ends within a year."""
    for key in scope:
        if key not in offered:
            raise Refused(_("范围里的「%(scope)s」您自己没有。去掉后再提交") % {"scope": key[:40]}, field="scope")
    if not today <= until <= today + LONGEST_TOKEN:
        raise Refused(_("到期日要在今天之后一年以内。改正后再提交"), field="until")


def check_another_token(name: str, names: list[str]) -> None:
    """`names` are those of the maker's tokens in force: one more, with a name of its own."""
    if name in names:
        raise Refused(_("已有叫「%(name)s」的令牌，换一个名称") % {"name": name}, field="name")
    if len(names) >= MOST_TOKENS:
        raise Refused(_("有效的令牌已有 %(count)d 个。撤销不用的再生成") % {"count": len(names)}, field="name")


def unknown_token() -> Refused:
    """The one sentence for a token nobody made, and for one whose person has left."""
    return Refused(_("访问令牌不对"), help=_("在「登录与安全」里生成一个"))


def check_token_in_force(revoked_at: datetime | None, until: datetime, now: datetime) -> None:
    """A token that was revoked or has expired opens nothing, and cannot be revoked again."""
    if revoked_at is not None:
        raise Refused(_("这个访问令牌已撤销"), help=_("在「登录与安全」里生成一个"))
    if until <= now:
        raise Refused(_("这个访问令牌已到期"), help=_("在「登录与安全」里生成一个"))


def check_scope(scope: Container[str], action: str) -> None:
    """A token whose scope lacks what `action` (`room.verb`) needs does not carry it out."""
    needed = NEEDS.get(action) or NEEDS.get(action.partition(".")[0]) or WORK
    if needed not in scope:
        lacking = _("这个访问令牌的范围不含「%(scope)s」") % {"scope": SCOPES[needed]}
        raise Refused(lacking, help=_("换一个范围够的令牌"))


def check_managed(managed: bool) -> None:
    """Somebody must be left who can give roles: what ends here could never be mended on a page."""
    if not managed:
        raise Refused(
            _("这样就没有系统管理员了，没有人能再给角色"), help=_("先把系统管理员的角色给另一个人"), field="role"
        )


def check_no_new_gap(new: Sequence[str], anyway: str) -> None:
    """NO_STEP_SKIPPED: nobody is taken away who a flow or an open item needs, unless it is said why it must be."""
    if new and not anyway:
        reason = _("这样就没有人能办：%(gaps)s") % {"gaps": _("；").join(new)}
        help = _("先把角色给别人，把在等的工单转办。人已经不在的，写明原因后仍可结束")
        raise Refused(reason, NO_STEP_SKIPPED, help=help, field="anyway")


def check_empty(name: str, people: int) -> None:
    """A department is closed once nobody works there."""
    if people:
        words = {"name": name, "people": people}
        raise Refused(_("%(name)s还有 %(people)d 人。先改他们的部门，再撤销") % words, field="department")


def check_not_oneself(own: bool) -> None:
    """Nobody ends their own work by a slip of the hand."""
    if own:
        raise Refused(_("自己离开要由另一位系统管理员办"), who="administrator")


def check_all_can_enrol(names: Sequence[str]) -> None:
    """The second step is asked only of people who can turn it on: that takes a password which Weilu can check."""
    if names:
        words = {"count": len(names), "names": _("、").join(names[:5])}
        reason = _("有 %(count)d 人没有维录能核对的密码，开不了两步验证，会登录不了：%(names)s") % words
        raise Refused(reason, help=_("他们在单位统一身份登录，两步验证在那里要求"), field="required")


def check_may_end(own: bool, manages: bool) -> None:
    """What opens the door for somebody is taken away by themself or by who manages them."""
    if not own and not manages:
        raise Refused(_("管理人员与角色要由系统管理员办"), help=_("系统管理员可以授予"), who="administrator")
