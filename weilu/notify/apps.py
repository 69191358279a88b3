from django.apps import AppConfig


class NotifyConfig(AppConfig):
    name = "weilu.notify"
    label = "notify"

    def ready(self) -> None:
        from weilu.notify.queries import unread_count
        from weilu.ui import shell

        shell.count_at(shell.NOTICES, unread_count)
