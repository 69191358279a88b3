from django.apps import AppConfig
from django.db.backends.signals import connection_created


class ProcessConfig(AppConfig):
    name = "weilu.process"
    label = "process"

    def ready(self) -> None:
        from weilu.process.search import teach

        connection_created.connect(teach)
