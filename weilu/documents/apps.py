from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "weilu.documents"
    label = "documents"

    def ready(self) -> None:
        from weilu.documents.queries import waiting_count
        from weilu.ui import shell

        shell.count_at("/documents/", waiting_count)
