"""How long notices are kept."""

from datetime import datetime

from django.utils.translation import gettext_lazy

from weilu.evidence.keeping import Gone, Register, prune_rows
from weilu.notify.models import Notice


def _old_notices(org: str, before: datetime) -> Gone:
    """Notices that were read; what nobody has read yet waits on."""
    old = Notice.objects.filter(owner__code=org, at__lt=before, read_at__isnull=False)
    return prune_rows(old.order_by("id"))


NOTICES = Register("notices", gettext_lazy("通知"), _old_notices)
