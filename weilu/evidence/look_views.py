"""The pages of the register of looks: its lines, its workbook, its export, and what something is read for."""

from typing import Any, Protocol, cast

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from weilu.evidence.export import zipped_register
from weilu.evidence.keeping import FLOOR, REGISTERS, months_of, set_retention
from weilu.evidence.keeping import MOST as MOST_MONTHS
from weilu.evidence.looking import ask_purpose, check_purpose, keep_purpose, look, seen
from weilu.evidence.looks import LookBatch
from weilu.evidence.register import Asked, looks_of, sides_of
from weilu.evidence.words import LOOKS, look_word
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.rights import SIGNED_IN, right
from weilu.kernel.times import now
from weilu.ui.address import address_of
from weilu.ui.retold import retold
from weilu.ui.workbook import XLSX, sheet

PAGE = 50
MOST = 10_000  # lines of a workbook
HEADS = (
    gettext_lazy("时间"), gettext_lazy("最后一次"), gettext_lazy("查阅次数"), gettext_lazy("谁"), gettext_lazy("代表"),
    gettext_lazy("看了什么"), gettext_lazy("名称"), gettext_lazy("用途"), gettext_lazy("地址"), gettext_lazy("甲方"),
)  # fmt: skip
FIELDS = ("who", "thing", "kind", "side", "since", "until")


class Reader(Protocol):
    """What these pages ask of whoever has signed in."""

    actor: str
    organisation: Any
    limited_to: frozenset[str] | None
    owner_codes: frozenset[str]

    def codes_with(self, right: str) -> frozenset[str]: ...


@right("looks.see")
@never_cache
@require_GET
def looks(request: HttpRequest) -> HttpResponse:
    """Fifty lines of the registers I look after, newest first; that I read them is a line itself."""
    codes, asked = _codes(request), _asked(request)
    before = request.GET.get("before", "")
    rows = _rows(codes, asked)
    if before.isascii() and before.isdigit() and len(before) < 19:
        rows = rows.filter(id__lt=int(before))
    for code in sorted(codes):
        seen(request, org=code, kind="looks", what=code, words=code)
    found = list(rows.select_related("batch")[: PAGE + 1])
    query = urlencode([(name, getattr(asked, name)) for name in FIELDS if getattr(asked, name)])
    shown = {
        "rows": [(row, look_word(row.kind)) for row in found[:PAGE]], "asked": asked, "query": query,
        "more": found[PAGE - 1].id if len(found) > PAGE else None, "kinds": LOOKS.items(), "sides": sides_of(codes),
        "broken": LookBatch.objects.filter(org__in=codes, broken_at__isnull=False).order_by("org", "number"),
        "may_set": bool(_reader(request).codes_with("retention.set") & codes),
        "codes": sorted(codes & _reader(request).codes_with("evidence.export")),
    }  # fmt: skip
    return render(request, "evidence/looks.html", shown)


@right("looks.see")
@never_cache
@require_GET
def workbook(request: HttpRequest) -> HttpResponse:
    """The lines that fit, as an Excel workbook."""
    codes, asked = _codes(request), _asked(request)
    for code in sorted(codes):
        if asking := seen(request, org=code, kind="looks_export", what=code, words="Excel", ask=True):
            return asking
    found = (
        (row.at, row.last, str(row.times), row.actor, row.side, look_word(row.kind), row.words, retold(row.purpose),
         row.address, row.org)
        for row in _rows(codes, asked)[: MOST + 1].iterator(500)
    )  # fmt: skip
    past = _("只导出前 %(most)s 行。用筛选缩小范围，分几次导出。")
    content = sheet(_("查阅登记"), HEADS, found, most=MOST, past=past)
    answer = HttpResponse(content, content_type=XLSX)
    answer["Content-Disposition"] = f'attachment; filename="weilu-looks-{now():%Y%m%d}.xlsx"'
    return answer


@right("looks.see")
@never_cache
@require_POST
def export(request: HttpRequest) -> FileResponse:
    """The register of one customer with what the log says of it, verifiable without Weilu."""
    org, person = request.POST.get("org", ""), _reader(request)
    if org not in _codes(request):
        raise NotVisible(org)
    if org not in person.codes_with("evidence.export"):
        raise Refused(_("您在这个单位没有「导出存证包」的权限"), help=_("系统管理员可以授予"), who="administrator")
    said = check_purpose(request.POST.get("purpose", ""))
    look(person, org=org, kind="looks_export", what=org, words="", purpose=said, address=address_of(request))
    name = f"weilu-looks-{org}-{now():%Y%m%d}"
    packed = zipped_register(org, person.actor, name)
    return FileResponse(packed, as_attachment=True, filename=f"{name}.zip", content_type="application/zip")


@right("retention.set")
@never_cache
@require_http_methods(["GET", "POST"])
def retention(request: HttpRequest) -> HttpResponse:
    """How long each register of one customer is kept; what was typed stays when it is refused."""
    codes = sorted(_reader(request).codes_with("retention.set") & _reader(request).owner_codes)
    org = (request.POST if request.method == "POST" else request.GET).get("org", "") or (codes[0] if codes else "")
    if org not in codes:
        raise NotVisible(org)
    typed: dict[str, Any] = dict(months_of(org))
    refused = None
    if request.method == "POST":
        typed |= {key: request.POST[key][:4] for key in typed if key in request.POST}
        try:
            set_retention(_reader(request), org=org, months={key: _number(str(said)) for key, said in typed.items()})
            messages.success(request, _("保留期限已保存"))
            return redirect(f"{request.path}?{urlencode({'org': org})}")
        except Refused as problem:
            refused = problem
    rows = [(register, typed[key]) for key, register in sorted(REGISTERS.items())]
    shown = {"org": org, "codes": codes, "rows": rows, "refused": refused, "floor": FLOOR, "most": MOST_MONTHS}
    return render(request, "evidence/retention.html", shown, status=409 if refused else 200)


@right(SIGNED_IN)
@require_POST
def purpose(request: HttpRequest) -> HttpResponse:
    """Keep what something is read for, and go on to it."""
    onward = request.POST.get("onward", "/")
    if not url_has_allowed_host_and_scheme(onward, {request.get_host()}):
        onward = "/"
    key, thing = request.POST.get("key", "")[:120], request.POST.get("thing", "")[:300]
    try:
        keep_purpose(request, key, request.POST.get("purpose", ""))
    except Refused as refused:
        return ask_purpose(request, key, thing, onward=onward, refused=refused)
    return redirect(onward)


def _number(text: str) -> int:
    """What was typed as a number; 0 for anything else, which no rule lets pass."""
    return int(text) if text.isascii() and text.isdigit() else 0


def _rows(codes: frozenset[str], asked: Asked) -> Any:
    try:
        return looks_of(codes, asked)
    except ValueError as problem:
        raise BadRequest(str(problem)) from None


def _asked(request: HttpRequest) -> Asked:
    return Asked(**{name: request.GET.get(name, "").replace("\0", "").strip()[:100] for name in FIELDS})


def _codes(request: HttpRequest) -> frozenset[str]:
    """The customers whose register this person looks after, and may see at all."""
    return _reader(request).codes_with("looks.see") & _reader(request).owner_codes


def _reader(request: HttpRequest) -> Reader:
    """Who has signed in; the right on each view has seen to it that somebody has."""
    return cast(Reader, request.user)
