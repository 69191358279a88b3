"""Who is signed in, and whether the URL's right is theirs."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.functional import SimpleLazyObject
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from weilu.accounts.reader import address_of, reader
from weilu.accounts.register import note_answer
from weilu.accounts.sessions import note_seen
from weilu.accounts.tokens import holder_of
from weilu.kernel.refused import Refused
from weilu.kernel.rights import ANYONE, SIGNED_IN
from weilu.ui.answers import answer

ENROL = ("/me/second-factor", "/logout")  # where the second step is turned on
STATIC_VIEWS = ("django.views.static", "django.views.i18n")


class SignedInPerson:
    """Attach `request.user`, by session or token; refuse a view whose right is lacking, or that names none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and request.path.startswith("/api/"):
            return self._by_token(request, secret.strip())
        request.user = SimpleLazyObject(lambda: get_user(request))  # type: ignore[assignment]
        return self._answered(request)

    def _by_token(self, request: HttpRequest, secret: str) -> HttpResponse:
        """A program's request: its token says who acts; a session beside it is not looked at."""
        try:
            request.user = holder_of(secret, address_of(request))
        except Refused as refused:
            turned_down = answer(request, refused, 401)
            turned_down["WWW-Authenticate"] = "Bearer"
            return turned_down
        return self._answered(request)

    def _answered(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code >= 400:
            note_answer(request, response)
        return response

    def _second_first(self, request: HttpRequest) -> HttpResponse:
        """The organisation asks for the second step, and this visit did without."""
        if request.path.startswith("/api/"):
            return answer(request, Refused(_("本单位要求两步验证，先开启"), help="/me/second-factor"), 403)
        return redirect("/me/second-factor")

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        right = getattr(view, "weilu_right", None)
        if right is None:
            raise RuntimeError(f"{view} names no right")
        if right == ANYONE:
            return None
        if not request.user.is_authenticated:
            if request.path.startswith("/api/"):
                return JsonResponse(
                    {"reason": _("没有登录。先登录再调用"), "clause": None, "help": "/login"},
                    status=401,
                    content_type="application/problem+json",
                )
            return redirect(f"/login?{urlencode({'next': request.get_full_path()})}")
        person = reader(request)
        asked = person.organisation.second_factor_required and person.limited_to is None and request.path not in ENROL
        if asked and not request.session.get("second"):
            return self._second_first(request)
        if not request.path.startswith("/api/"):
            note_seen(request)
        if right != SIGNED_IN and right not in request.user.rights:
            from weilu.accounts.roles import RIGHTS

            lacking = Refused(
                _("这一页需要「%(right)s」的权限，您现在没有") % {"right": RIGHTS[right]},
                help=_("系统管理员可以授予"),
                who="administrator",
            )
            turned_down = answer(request, lacking, 403)  # raised here it would pass by PageFrame
            turned_down.right = right  # type: ignore[attr-defined]
            return turned_down
        return None
