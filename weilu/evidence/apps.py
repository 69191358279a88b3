from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    name = "weilu.evidence"
    label = "evidence"

    def ready(self) -> None:
        from weilu.evidence.keeping import LOOKS, keep_for_a_time

        keep_for_a_time(LOOKS)
