"""How the API says no: problem+json with the reason a person would read, the clause and who can help."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, ValidationError

from weilu.kernel.refused import NotVisible, Refused
from weilu.ui.answers import answer, problem_json


def attach(api: NinjaAPI) -> None:
    """Answer every exception of an operation as the pages answer it, in JSON."""
    for kind in (Refused, NotVisible, Exception):
        api.add_exception_handler(kind, _answer)
    api.add_exception_handler(ValidationError, _invalid)
    api.add_exception_handler(AuthenticationError, _who)


def _answer(request: HttpRequest, problem: Any) -> HttpResponse:
    return answer(request, problem)


def _invalid(request: HttpRequest, problem: Any) -> HttpResponse:
    fields = "、".join(dict.fromkeys(".".join(map(str, error["loc"][2:] or error["loc"])) for error in problem.errors))
    reason = _("这些字段不对：%(fields)s。按 openapi.json 改正后再调用") % {"fields": fields[:300]}
    return problem_json(422, reason, None, "/api/v1/openapi.json", "")


def _who(request: HttpRequest, problem: Any) -> HttpResponse:
    return problem_json(401, _("没有登录。先登录再调用"), None, "/login", "")
