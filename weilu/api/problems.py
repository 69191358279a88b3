"""How the API says no: problem+json with the reason a person would read, the clause and who can help."""

import json
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.parser import Parser

from weilu.kernel.refused import NotVisible, Refused
from weilu.ui.answers import answer, problem_json


def attach(api: NinjaAPI) -> None:
    """Answer every exception of an operation as the pages answer it, in JSON."""
    for kind in (Refused, NotVisible, Exception):
        api.add_exception_handler(kind, _answer)
    api.add_exception_handler(HttpError, _unread)
    api.add_exception_handler(ValidationError, _invalid)
    api.add_exception_handler(AuthenticationError, _who)


class Bodies(Parser):
    """JSON, refused at the door when a text in it is no Unicode (half of a surrogate pair)."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The body as read; ninja answers any exception here with 400."""
        said = super().parse_body(request)
        if b"\\u" in request.body:
            json.dumps(said, ensure_ascii=False).encode()
        return said


def _unread(request: HttpRequest, problem: Any) -> HttpResponse:
    """What ninja turns down before any operation runs: a body it cannot read, the token of the pages missing."""
    return answer(request, PermissionDenied() if problem.status_code == 403 else BadRequest(str(problem)))


def _answer(request: HttpRequest, problem: Any) -> HttpResponse:
    return answer(request, problem)


def _invalid(request: HttpRequest, problem: Any) -> HttpResponse:
    fields = "、".join(dict.fromkeys(".".join(map(str, error["loc"][2:] or error["loc"])) for error in problem.errors))
    reason = _("这些字段不对：%(fields)s。按 openapi.json 改正后再调用") % {"fields": fields[:300]}
    return problem_json(422, reason, None, "/api/v1/openapi.json", "")


def _who(request: HttpRequest, problem: Any) -> HttpResponse:
    return problem_json(401, _("没有登录。先登录再调用"), None, "/login", "")
