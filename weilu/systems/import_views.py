"""The pages of importing hosts: the upload, what it would do line by line, the confirmation of exactly that."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from weilu.accounts.models import Organisation
from weilu.accounts.reader import reader
from weilu.kernel.refused import Refused
from weilu.kernel.rights import right
from weilu.systems import host_workbook
from weilu.systems.actions import check_manages
from weilu.systems.host_queries import TITLES, shown
from weilu.systems.host_rules import USUAL
from weilu.systems.import_actions import confirm_import, drop_import, plan_of_import, propose_import
from weilu.systems.importing.files import LARGEST_BOOK
from weilu.systems.importing.plan import Line
from weilu.systems.importing.reading import from_data
from weilu.systems.models import Environment, HostImport
from weilu.ui.workbook import XLSX

RECENT = 10
SAID_ABOVE = ("name", "address", "port", "user")  # of a new host, in its first line
ORDER = ("refused", "changed", "new", "unchanged")


@right("systems.manage")
@require_http_methods(["GET", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Upload a list of hosts; nothing is taken over before it was shown."""
    if request.method != "POST":
        return _form(request, {"environment": request.GET.get("environment", "")})
    typed = {name: request.POST.get(name, "") for name in ("owner", "environment", "prefer")}
    given = request.FILES.get("file")
    try:
        environment = _environment(request, typed["environment"])
        made = propose_import(
            reader(request), environment.owner if environment else _owner(request, typed["owner"]),
            name=str(given.name or "") if given else "", data=given.read(LARGEST_BOOK + 1) if given else b"",
            environment=environment, prefer=typed["prefer"].replace("，", ",").replace("、", ",").split(","),
        )  # fmt: skip
    except Refused as refused:
        return _form(request, typed, refused)
    return redirect("systems:import", made.uid)


@right("systems.manage")
@require_GET
def preview(request: HttpRequest, uid: str) -> HttpResponse:
    """What an upload would do, line by line; what it did, once it is settled."""
    return _page(request, _import(request, uid))


@right("systems.manage")
@require_POST
def confirm(request: HttpRequest, uid: str) -> HttpResponse:
    """Take over what the page showed."""
    found = _import(request, uid)
    try:
        done = confirm_import(reader(request), found, digest=request.POST.get("digest", ""))
    except Refused as refused:
        return _page(request, _import(request, uid), refused)
    messages.success(request, _("已导入：新登记 %(new)d 台，更改 %(changed)d 台") % done.done)
    return redirect("systems:import", uid)


@right("systems.manage")
@require_POST
def drop(request: HttpRequest, uid: str) -> HttpResponse:
    drop_import(reader(request), _import(request, uid))
    messages.success(request, _("没有导入，上传的文件已删去"))
    return redirect("systems:upload")


@right("systems.manage")
@require_GET
def template(request: HttpRequest) -> HttpResponse:
    """An empty workbook to fill in."""
    answer = HttpResponse(host_workbook.template(), content_type=XLSX)
    answer["Content-Disposition"] = 'attachment; filename="weilu-hosts.xlsx"'
    return answer


def _form(request: HttpRequest, typed: dict[str, str], refused: Refused | None = None) -> HttpResponse:
    owners = _managed(request)
    environments = Environment.objects.filter(owner__in=owners).select_related("system")
    recent = HostImport.objects.filter(owner__in=owners).defer("source", "read").select_related("made_by")
    shown = {
        "customers": owners, "environments": environments.order_by("system__code", "id"), "typed": typed,
        "refused": refused, "recent": recent.order_by("-id")[:RECENT], "most": LARGEST_BOOK >> 20,
    }  # fmt: skip
    return render(request, "systems/upload.html", shown, status=409 if refused else 200)


def _page(request: HttpRequest, found: HostImport, refused: Refused | None = None) -> HttpResponse:
    said: dict[str, Any] = {"import": found, "refused": refused}
    if found.settled_at is None:
        plan, read = plan_of_import(found), from_data(found.read)
        lines = sorted(plan.lines, key=lambda line: (ORDER.index(line.state), line.line))
        told = plan.counts
        said |= {
            "plan": plan, "counts": told, "lines": [(line, _says(line)) for line in lines], "faults": read.faults,
            "left": read.left, "chips": [(key, word, told[key]) for key, word in _states() if told[key]],
            "acts": told["new"] + told["changed"],
        }  # fmt: skip
    return render(request, "systems/import.html", said, status=409 if refused else 200)


def _says(line: Line) -> list[tuple[str, str, str]]:
    """Title, old and new of each field that a line sets; "" for old where the host is new."""
    if line.changed:
        return [
            (str(title), shown(line.changed[name][0]), shown(line.changed[name][1]))
            for name, title in TITLES.items()
            if name in line.changed
        ]
    return [
        (str(title), "", shown(line.fields[name]))
        for name, title in TITLES.items()
        if name not in SAID_ABOVE and line.fields.get(name, USUAL.get(name)) != USUAL.get(name)
    ]


def _states() -> list[tuple[str, str]]:
    return [("refused", _("被拒")), ("changed", _("更改")), ("new", _("新登记")), ("unchanged", _("不变"))]


def _managed(request: HttpRequest) -> list[Organisation]:
    """The customers whose register this person keeps."""
    person = reader(request)
    owners = Organisation.objects.filter(id__in=person.owner_ids).order_by("code")
    return [one for one in owners if person.may("systems.manage", one.id)]


def _owner(request: HttpRequest, code: str) -> Organisation:
    owners = _managed(request)
    found = [one for one in owners if one.code == code] or owners[:1]
    if not found:
        raise Refused(_("系统档案由系统管理员维护"), who="administrator")
    return found[0]


def _environment(request: HttpRequest, uid: str) -> Environment | None:
    if not uid:
        return None
    found: Environment = Environment.objects.select_related("owner", "system").fetch(reader(request), uid)
    return found


def _import(request: HttpRequest, uid: str) -> HostImport:
    rows = HostImport.objects.select_related("owner", "environment__system", "made_by", "settled_by")
    found: HostImport = rows.fetch(reader(request), uid)
    check_manages(reader(request), found.owner)
    return found
