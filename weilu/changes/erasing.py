"""What of a change gives way when the body of one of its item's records is destroyed."""

from weilu.changes.models import (
    AffectedDocument,
    Amendment,
    Change,
    Emergency,
    Feedback,
    NeedVersion,
    PlanFile,
    PlanTemplate,
    PlanVersion,
)
from weilu.evidence.reach import Place

PLACES = (
    Place(Change, "item__uid", ("analysis",)),
    Place(NeedVersion, "change__item__uid", ("text",), "evidence"),
    Place(PlanVersion, "change__item__uid", ("content",), "evidence"),
    Place(PlanFile, "change__item__uid", ("name",), "evidence"),
    Place(Feedback, "change__item__uid", ("opinion",)),
    Place(PlanTemplate, "change__item__uid", ("reason",)),
    Place(Emergency, "change__item__uid", ("reason",)),
    Place(Amendment, "change__item__uid", ("what", "reason", "none_affected"), "evidence"),
    Place(AffectedDocument, "amendment__change__item__uid", ("title", "record")),
)
