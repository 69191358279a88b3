from django.apps import AppConfig


class PlanningConfig(AppConfig):
    name = "weilu.planning"
    label = "planning"

    def ready(self) -> None:
        from weilu.evidence.reach import Place, hold_words
        from weilu.kernel.events import subscribe
        from weilu.planning.bookings import release
        from weilu.planning.models import FreezeException

        hold_words(Place(FreezeException, "item__uid", ("why", "words"), "evidence"))
        subscribe("process.item_closed", release)
