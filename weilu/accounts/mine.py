"""The pages of one's own sign-in: access tokens."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from weilu.accounts.people import of_the_form
from weilu.accounts.reader import address_of, reader
from weilu.accounts.rules import LONGEST_TOKEN, check_token_day
from weilu.accounts.tokens import make_token, revoke_token, scopes_of, token_seen, tokens_of
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


def _day(typed: str) -> Any:
    try:
        return parse_date(typed)
    except ValueError:  # the 31st of a short month
        return None
