"""`weilu person`: what whoever is at the machine can do when nobody gets in any more."""

import getpass
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import django

from weilu.cli.setup import need_tables
from weilu.cli.telling import tell, told
from weilu.cli.trouble import Trouble
from weilu.kernel.refused import Refused

if TYPE_CHECKING:
    from weilu.accounts.models import Person


def unlock(username: str) -> int:
    """End the locks on somebody's sign-in."""
    person = _person(username)
    from weilu.accounts.actions import unlock as act

    _do(lambda: act(None, person))
    tell(f"已解锁：{username}")
    return 0


def new_password(username: str) -> int:
    """Give somebody a new password, read from the terminal or from standard input; ends their visits and locks."""
    person = _person(username)
    from weilu.accounts.visits import set_password

    password = _read()
    _do(lambda: set_password(person, password))
    tell(f"已设新密码：{username}。以前的登录都已结束。")
    return 0


def reset_second_factor(username: str) -> int:
    """Take somebody's second factor away: they sign in with the password alone."""
    person = _person(username)
    from weilu.accounts.second import reset_second_factor as act

    _do(lambda: act(None, person))
    tell(f"已重置两步验证：{username}")
    return 0


DEEDS: dict[str, Callable[[str], int]] = {
    "unlock": unlock,
    "password": new_password,
    "second-factor": reset_second_factor,
}


def _person(username: str) -> "Person":
    django.setup()
    need_tables()
    from weilu.accounts.models import Person

    found = Person.objects.filter(username=username).first()
    if found is None:
        raise Trouble(f"没有工号「{username[:40]}」。核对后再试。")
    return found


def _read() -> str:
    """The password: typed twice, or one line of standard input; never an argument, which others can list."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    typed = getpass.getpass(told("新密码（不显示）："))
    if getpass.getpass(told("再输入一次：")) != typed:
        raise Trouble("两次输入的新密码不同。再输入一次")
    return typed


def _do(act: Callable[[], object]) -> None:
    try:
        act()
    except Refused as refused:
        raise Trouble(f"{refused.reason}。{refused.help}") from None
