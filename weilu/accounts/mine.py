"""The pages of one's own sign-in: access tokens, where one is signed in, the password."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from weilu.accounts.people import of_the_form
from weilu.accounts.reader import address_of, reader
from weilu.accounts.rules import LONGEST_TOKEN, check_token_day
from weilu.accounts.sessions import visit_uid
from weilu.accounts.tokens import make_token, revoke_token, scopes_of, token_seen, tokens_of
from weilu.accounts.visits import change_password, end_other_visits, end_visit, visit_seen, visits_of
from weilu.kernel.refused import Refused
from weilu.kernel.rights import SIGNED_IN, right
from weilu.kernel.times import SHANGHAI, now

USUAL = timedelta(days=90)


@right(SIGNED_IN)
@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """One's tokens, and the form that makes one: its secret is on the answer to that form and nowhere else."""
    person, given = reader(request), request.POST
    today = now().astimezone(SHANGHAI).date()
    shown: dict[str, Any] = {
        "typed": {"name": given.get("name", ""), "until": given.get("until", (today + USUAL).isoformat())},
        "chosen": given.getlist("scope"), "refused": None,
        "today": today.isoformat(), "last_day": (today + LONGEST_TOKEN).isoformat(),
    }  # fmt: skip
    if request.method == "POST":
        try:
            until = check_token_day(_day(shown["typed"]["until"]))
            shown["made"], shown["secret"] = make_token(
                person, name=shown["typed"]["name"], scope=shown["chosen"], until=until,
                password=given.get("password", ""), address=address_of(request),
            )  # fmt: skip
            shown |= {"typed": {"name": "", "until": (today + USUAL).isoformat()}, "chosen": []}
        except Refused as problem:
            shown["refused"] = of_the_form(problem)
    shown |= {"tokens": tokens_of(person), "scopes": scopes_of(person), "at": now()}
    return render(request, "accounts/tokens.html", shown, status=422 if shown["refused"] else 200)


@right(SIGNED_IN)
@require_POST
def revoke(request: HttpRequest, uid: str) -> HttpResponse:
    """Revoke a token: one's own, or that of somebody one manages."""
    token = revoke_token(reader(request), token_seen(reader(request), uid))
    messages.success(request, _("访问令牌「%(name)s」已撤销") % {"name": token.name})
    own = token.person_id == reader(request).id
    return redirect("accounts:tokens") if own else redirect("accounts:person", token.person.uid)


@right(SIGNED_IN)
@require_GET
def visits(request: HttpRequest) -> HttpResponse:
    """Where one is signed in."""
    shown = {"visits": visits_of(reader(request)), "present": visit_uid(request)}
    return render(request, "accounts/visits.html", shown)


@right(SIGNED_IN)
@require_POST
def end(request: HttpRequest, uid: str) -> HttpResponse:
    """Sign a browser out: one's own, or that of somebody one manages."""
    visit = visit_seen(reader(request), uid)
    end_visit(reader(request), visit)
    messages.success(request, _("「%(device)s」已退出登录") % {"device": visit.device})
    if visit.person is None or visit.person == reader(request):
        return redirect("accounts:visits")
    return redirect("accounts:person", visit.person.uid)


@right(SIGNED_IN)
@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    """Sign every other browser of one's own out."""
    ended = end_other_visits(reader(request), keep=visit_uid(request))
    messages.success(request, _("已结束其他 %(count)d 次登录") % {"count": ended})
    return redirect("accounts:visits")


@right(SIGNED_IN)
@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """Change one's password; every other visit ends with it."""
    refused = None
    if request.method == "POST":
        old, new = request.POST.get("old", ""), request.POST.get("new", "")
        try:
            if new != request.POST.get("again", ""):
                raise Refused(_("两次输入的新密码不同。再输入一次"), field="again")
            person = change_password(
                reader(request), old=old, new=new, address=address_of(request), keep=visit_uid(request)
            )
        except Refused as problem:
            refused = of_the_form(problem)
        else:
            update_session_auth_hash(request, person)
            messages.success(request, _("密码已改，其他地方的登录已结束"))
            return redirect("accounts:visits")
    return render(request, "accounts/password.html", {"refused": refused}, status=422 if refused else 200)


def _day(typed: str) -> Any:
    try:
        return parse_date(typed)
    except ValueError:  # the 31st of a short month
        return None
