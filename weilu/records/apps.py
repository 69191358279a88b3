from django.apps import AppConfig


class RecordsConfig(AppConfig):
    name = "weilu.records"
    label = "records"

    def ready(self) -> None:
        from weilu.records.queries import waiting_count
        from weilu.ui import shell

        shell.count_at("/sheets/", waiting_count)
