from django.apps import AppConfig


class RecordsConfig(AppConfig):
    name = "weilu.records"
    label = "records"

    def ready(self) -> None:
        from weilu.documents.templating import register_form
        from weilu.records.queries import waiting_count
        from weilu.records.template import RECORD_SHEET
        from weilu.ui import shell

        register_form(RECORD_SHEET)
        shell.count_at("/sheets/", waiting_count)
