"""The pages of credentials, and what the page of a host lets people do about reaching it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from weilu.accounts.models import Organisation
from weilu.accounts.reader import reader
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.rights import SIGNED_IN, right
from weilu.kernel.times import now
from weilu.systems.keys import fingerprint
from weilu.systems.looking import list_seen_by_others, seen_by_others
from weilu.systems.models import Host, HostGroup
from weilu.ui.workbook import XLSX
from weilu.vault import actions, queries
from weilu.vault.models import Access, Credential
from weilu.vault.reach.actions import test_connection
from weilu.vault.rules import RIGHT
from weilu.vault.workbook import workbook as written

WAYS = ("make", "paste", "password")


@right(RIGHT)
@require_GET
def credentials(request: HttpRequest) -> HttpResponse:
    """The credentials one manages, newest first."""
    person, retired = reader(request), request.GET.get("retired") == "1"
    try:
        rows, more = queries.page_of(person, retired=retired, after=request.GET.get("after", ""))
    except ValueError as problem:
        raise BadRequest(str(problem)) from None
    owners = queries.owners_of(person)
    list_seen_by_others(request, owners, "credentials")
    shown = {"rows": rows, "more": more, "retired": retired, "after": request.GET.get("after", ""), "owners": owners}
    return render(request, "vault/credentials.html", shown)


@right(RIGHT)
@require_GET
def workbook(request: HttpRequest) -> HttpResponse:
    """The same as an Excel workbook, those in use or those retired."""
    retired = request.GET.get("retired") == "1"
    if asking := list_seen_by_others(request, queries.owners_of(reader(request)), "credentials", ask=True):
        return asking
    answer = HttpResponse(written(queries.credentials_of(reader(request), retired=retired)), content_type=XLSX)
    answer["Content-Disposition"] = f'attachment; filename="weilu-credentials-{now():%Y%m%d}.xlsx"'
    return answer


@right(RIGHT)
@never_cache
@sensitive_post_parameters("secret", "passphrase")
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """Make a key here, paste one, or type a password; what was typed as a secret is never shown again."""
    way = (request.POST if request.method == "POST" else request.GET).get("way", WAYS[0])
    if way not in WAYS:
        raise BadRequest("way")
    owners = queries.owners_of(reader(request))
    if request.method != "POST":
        return _form(request, owners, way, {})
    kind = Credential.Kind.BECOME_PASSWORD if way == "password" else Credential.Kind.SSH_KEY
    said = {name: request.POST.get(name, "") for name in ("name", "secret", "passphrase")}
    try:
        owner = _owner(owners, request.POST.get("owner", ""))
        made = actions.add_credential(reader(request), owner, kind=kind, make=way == "make", **said)
    except Refused as refused:
        typed = {name: request.POST.get(name, "") for name in ("owner", "name")}
        return _form(request, owners, way, typed, refused)
    messages.success(request, _("凭据「%(name)s」已在保险库里") % {"name": made.name})
    return redirect("vault:credential", made.uid)


@right(RIGHT)
@require_GET
def credential(request: HttpRequest, uid: str) -> HttpResponse:
    """One credential: its public half, what it opens, who put it here."""
    found = queries.credential_of(reader(request), uid)
    seen_by_others(request, found.owner, "credential", found.uid, found.name)
    return _page(request, found)


@right(RIGHT)
@require_POST
def grant(request: HttpRequest, uid: str) -> HttpResponse:
    """Let it open the hosts of a group."""
    found = queries.credential_of(reader(request), uid)
    try:
        if not (given := request.POST.get("group", "")):
            raise Refused(_("没有选主机组"), field="group")
        group = HostGroup.objects.fetch(reader(request), given)
        actions.grant_access(reader(request), found, group=group)
    except Refused as refused:
        return _page(request, found, refused)
    messages.success(request, _("已指定，正在测试这些主机的连接"))
    return redirect("vault:credential", uid)


@right(RIGHT)
@require_POST
def retire(request: HttpRequest, uid: str) -> HttpResponse:
    found = queries.credential_of(reader(request), uid)
    try:
        actions.retire_credential(reader(request), found)
    except Refused as refused:
        return _page(request, found, refused)
    messages.success(request, _("凭据「%(name)s」已停用") % {"name": found.name})
    return redirect("vault:credential", uid)


@right(RIGHT)
@require_POST
def revoke(request: HttpRequest, uid: str) -> HttpResponse:
    """Take a place back; back to where that was asked for."""
    found: Access = Access.objects.select_related("credential", "host").fetch(reader(request), uid)
    actions.revoke_access(reader(request), found)
    messages.success(request, _("凭据已收回"))
    if request.POST.get("back") == "host" and found.host is not None:
        return redirect("systems:host", found.host.uid)
    return redirect("vault:credential", found.credential.uid)


@right(RIGHT)
@require_POST
def assign(request: HttpRequest, uid: str) -> HttpResponse:
    """A credential of a host's own."""
    host, given = _host(request, uid), request.POST.get("credential", "")
    if not given:
        raise Refused(_("没有选凭据"), field="credential")
    actions.grant_access(reader(request), queries.credential_of(reader(request), given), host=host)
    messages.success(request, _("已指定，正在测试连接"))
    return redirect("systems:host", uid)


@right(SIGNED_IN)
@require_POST
def test(request: HttpRequest, uid: str) -> HttpResponse:
    """Have a worker go to the host; its page follows what comes of it."""
    test_connection(reader(request), _host(request, uid))
    return redirect("systems:host", uid)


@right("systems.see")
@require_GET
def panel(request: HttpRequest, uid: str) -> HttpResponse:
    """The box on the page of a host, again, while somebody waits for it."""
    found = _host(request, uid)
    seen_by_others(request, found.owner, "host", found.uid, found.name)
    return render(request, "vault/host-panel.html", {"panel": {"reached": queries.reached(reader(request), found)}})


def _page(request: HttpRequest, found: Credential, refused: Refused | None = None) -> HttpResponse:
    opens = list(found.accesses.select_related("host", "group__environment__system").order_by("id"))
    shown = {
        "credential": found, "fingerprint": fingerprint(found.public), "refused": refused,
        "opens": [(one, queries.place_words(one)) for one in opens],
        "groups": queries.groups_for(found) if found.retired_at is None else [],
    }  # fmt: skip
    return render(request, "vault/credential.html", shown, status=409 if refused else 200)


def _form(
    request: HttpRequest, owners: list[Organisation], way: str, typed: dict[str, Any], refused: Refused | None = None
) -> HttpResponse:
    shown = {"owners": owners, "way": way, "typed": typed, "refused": refused}
    return render(request, "vault/add.html", shown, status=409 if refused else 200)


def _owner(owners: list[Organisation], code: str) -> Organisation:
    """The customer that was named, among those one manages credentials of."""
    for one in owners:
        if one.code == code:
            return one
    raise NotVisible(code)


def _host(request: HttpRequest, uid: str) -> Host:
    found: Host = Host.objects.select_related("owner", "group__environment__system").fetch(reader(request), uid)
    return found
