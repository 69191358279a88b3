"""The frame around every page: its policy, and an answer instead of a traceback."""

from collections.abc import Callable

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from weilu.ui.answers import answer, for_program, not_allowed, seal

LARGEST = 25_000_000  # bytes of a request; a file would be written to disk before anybody asks who sends it


class PageFrame:
    """Seal each response with the content-security policy; answer each exception of a view with a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _length(request) > LARGEST:
            return answer(request, RequestDataTooBig())
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and not for_program(request):
            return not_allowed(request, response)
        return seal(response)

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse:
        """Refusals, missing pages, a database that is away, and whatever broke."""
        return answer(request, problem)


def _length(request: HttpRequest) -> int:
    """What Django would read of this request, in bytes."""
    try:
        return int((request.META.get("CONTENT_LENGTH") or "0")[:30])
    except ValueError:
        return 0
