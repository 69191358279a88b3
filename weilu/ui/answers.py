"""The page that answers when an act is refused or something breaks: a sentence, what is unchanged, a way on."""

import logging
import secrets
from http import HTTPStatus
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from weilu.kernel.clauses import clause_table
from weilu.kernel.refused import NotVisible, Refused, Stale
from weilu.kernel.sealed import is_sealed
from weilu.kernel.times import now
from weilu.ui.about import about
from weilu.ui.templatetags.weilu import clause_text

log = logging.getLogger("weilu.pages")
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)


def seal(response: HttpResponse) -> HttpResponse:
    """Put the content-security policy on a response that has none yet."""
    response.headers.setdefault("Content-Security-Policy", POLICY)
    return response


def answer(request: HttpRequest, problem: BaseException, status: int = 0) -> HttpResponse:
    """The response to an exception that left a view; every one has a number that the log knows too.

    It carries `problem` and `number`, for whoever registers what is turned down.
    """
    number = new_number()
    response = _answered(request, problem, number, status)
    response.problem, response.number = problem, number  # type: ignore[attr-defined]
    return response


def _answered(request: HttpRequest, problem: BaseException, number: str, status: int) -> HttpResponse:
    if isinstance(problem, Refused):
        log.warning("refused %s %s %s: %s", number, request.method, request.path, problem)
        return _refusal(request, problem, number, status or HTTPStatus.CONFLICT)
    if isinstance(problem, NotVisible | Http404):
        log.info("not found %s %s", number, request.path)
        return trouble(request, HTTPStatus.NOT_FOUND, number)
    if isinstance(problem, PermissionDenied):
        log.warning("forbidden %s %s", number, request.path)
        return trouble(request, HTTPStatus.FORBIDDEN, number)
    if isinstance(problem, SuspiciousOperation | BadRequest):
        log.warning("bad request %s %s: %s", number, request.path, type(problem).__name__)
        big = isinstance(problem, RequestDataTooBig)
        return trouble(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE if big else HTTPStatus.BAD_REQUEST, number)
    if isinstance(problem, OperationalError | InterfaceError) or is_sealed(problem):
        log.error("database %s %s: %s", number, request.path, problem)
        return trouble(request, HTTPStatus.SERVICE_UNAVAILABLE, number)
    log.error("broken %s %s %s", number, request.method, request.path, exc_info=problem)
    return trouble(request, HTTPStatus.INTERNAL_SERVER_ERROR, number)


def new_number() -> str:
    """By which a reader and the program's log mean the same answer."""
    return f"{secrets.token_hex(2)}-{secrets.token_hex(2)}"


def not_allowed(request: HttpRequest, bare: HttpResponse) -> HttpResponse:
    """A page in place of the empty answer to somebody who opens the address of an act, from the bar or by reloading."""
    number = new_number()
    log.info("not allowed %s %s %s", number, request.method, request.path)
    response = trouble(request, HTTPStatus.METHOD_NOT_ALLOWED, number)
    response["Allow"] = bare["Allow"]
    return response


def for_program(request: HttpRequest) -> bool:
    """Whether the answer goes to a program, as JSON, and not to a person."""
    return request.path.startswith("/api/")


def problem_json(status: int, reason: str, clause: str | None, help: str, number: str) -> JsonResponse:
    """`application/problem+json` with the reason a person would read."""
    body = {"reason": reason, "clause": clause, "help": help, "number": number}
    return JsonResponse(body, status=status, content_type="application/problem+json")


def _refusal(request: HttpRequest, refused: Refused, number: str, status: int) -> HttpResponse:
    clause = str(refused.clause) if refused.clause else None
    if for_program(request):
        return seal(problem_json(status, refused.reason, clause, refused.help, number))
    context = {
        "refused": refused, "clause": clause, "clause_text": clause_text(clause_table()[clause]) if clause else "",
        "number": number, "at": now(), "about": about(request, refused.who),
        "stale": isinstance(refused, Stale), "back": _back(request),
    }  # fmt: skip
    page = render_to_string("ui/refused.html", context, request)
    return seal(HttpResponse(page, status=status))


def _back(request: HttpRequest) -> str:
    """The page of this site the person came from, or my work."""
    before = request.META.get("HTTP_REFERER", "")
    fits = url_has_allowed_host_and_scheme(before, {request.get_host()})
    return before if fits else "/"


def trouble(request: HttpRequest, status: int, number: str) -> HttpResponse:
    """A page without the shell: it must come even when the database is away."""
    title, words, help = sentences(status)
    if for_program(request):
        return seal(problem_json(status, title, None, help, number))
    context: dict[str, Any] = {"title": title, "words": words, "help": help, "number": number, "status": int(status)}
    context["theme"] = request.COOKIES.get("weilu_theme", "")
    response = HttpResponse(render_to_string("ui/trouble.html", context), status=status)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = "10"
    return seal(response)


def sentences(status: int) -> tuple[str, str, str]:
    """Title, what is so, what to do, for a status."""
    table = {
        400: (_("这个请求读不懂"), _("地址或表单的内容不完整。什么都没有改变。"), _("回到上一页，再填一次")),
        403: (
            _("这一页已过期或不属于您"),
            _("登录可能已失效，或页面开得太久。什么都没有改变。"),
            _("重新打开这一页，再办一次"),
        ),
        404: (_("没有这一页"), _("地址可能写错了，或者它不在您能看到的范围内。"), _("从我的工作找起")),
        405: (
            _("这里只收提交，不能直接打开"),
            _("这是一个按钮的地址，不是一页。什么都没有改变。"),
            _("从原来的页面再办一次"),
        ),
        413: (_("内容太大"), _("一次提交最多 2 MB。什么都没有改变。"), _("删减后再提交")),
        503: (
            _("数据库暂时没有应答"),
            _("它正忙或不在。您刚才提交的内容没有写入。"),
            _("等 10 秒再试；仍不行，把编号告诉系统管理员"),
        ),
    }
    broken = (_("出了故障，没有办成"), _("故障已记录。您刚才提交的内容没有写入。"), _("把编号告诉系统管理员"))
    return table.get(int(status), broken)
