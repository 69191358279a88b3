"""What the page of a refusal tells of a credential or a host: what it is about, and who manages credentials."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.systems.models import Host
from weilu.ui.about import About
from weilu.vault.models import Access, Credential


def about_vault(reader: Person, arguments: Mapping[str, Any]) -> About:
    """The credential, or the host, at this address."""
    uid = str(arguments.get("uid", ""))
    if not uid:
        return About()
    if host := Host.objects.visible_to(reader).filter(uid=uid).first():
        return About(title=host.name, url=reverse("systems:host", args=[uid]), back=_("回到主机"))
    access = Access.objects.visible_to(reader).filter(uid=uid).select_related("credential").first()
    found = access.credential if access else Credential.objects.visible_to(reader).filter(uid=uid).first()
    if found is None:
        return About()
    return About(title=found.name, url=reverse("vault:credential", args=[found.uid]), back=_("回到凭据"))
