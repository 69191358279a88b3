"""`Idempotency-Key`: an act sent twice, because its answer was lost, is carried out once."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from hashlib import sha256
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.kernel.models import Answered
from weilu.kernel.times import now
from weilu.ui.answers import problem_json

KEY = re.compile(r"[!-~]{1,200}")  # visible ASCII
KEPT = timedelta(hours=24)
HEADER = "Idempotency-Key"
TOLD_ONCE = tuple(  # the answer holds a secret, and answers are kept in clear
    f"/api/v1/accounts/{verb}" for verb in ("make_token", "enrol_second_factor", "confirm_second_factor")
)
TYPED_ONCE = ("/api/v1/vault/add_credential",)  # a short secret could be guessed by the digest of what was asked


def once(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Carry a POST with a key out once for each person, and give its answer again for 24 hours.

    The key is claimed in the transaction of the act: two requests at once become one after the other, and
    neither a key without its effect nor an effect without its key is ever kept. A refusal keeps nothing.
    """

    @wraps(view)
    def answer_once(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        key = request.headers.get(HEADER)
        if key is None or request.method != "POST" or not isinstance(request.user, Person):
            return view(request, *args, **kwargs)
        if not KEY.fullmatch(key):
            reason = _("Idempotency-Key 应是 1 到 200 个可见的 ASCII 字符。换一个再调用")
            return problem_json(400, reason, None, "/api/v1/openapi.json", "")
        if request.path in TOLD_ONCE:
            reason = _("这个操作的回答只给一次，不能带 Idempotency-Key。去掉后再调用")
            return problem_json(422, reason, None, "/api/v1/openapi.json", "")
        if request.path in TYPED_ONCE:
            reason = _("这个操作带着秘密，不能带 Idempotency-Key。去掉后再调用")
            return problem_json(422, reason, None, "/api/v1/openapi.json", "")
        asked = sha256(request.path.encode() + b"\0" + request.body).hexdigest()
        with transaction.atomic():
            claim = Answered(who=request.user.uid, key=key, asked=asked)
            Answered.objects.filter(at__lt=now() - KEPT).delete()
            try:
                with transaction.atomic():
                    claim.save(force_insert=True)
            except IntegrityError:
                return _again(Answered.objects.get(who=request.user.uid, key=key), asked)
            response = view(request, *args, **kwargs)
            if response.status_code >= 500:
                transaction.set_rollback(True)
            elif response.status_code >= 400:
                claim.delete()  # not undone with the claim: what a refusal counts, as a wrong password
            else:
                Answered.objects.filter(id=claim.id).update(status=response.status_code, answer=response.content)
            return response

    return answer_once


def _again(kept: Answered, asked: str) -> HttpResponse:
    if kept.asked != asked:
        reason = _("这个 Idempotency-Key 已用于另一个请求。换一个再调用")
        return problem_json(422, reason, None, "/api/v1/openapi.json", "")
    return HttpResponse(bytes(kept.answer), status=kept.status, content_type="application/json; charset=utf-8")
