from django.apps import AppConfig


class ChangesConfig(AppConfig):
    name = "weilu.changes"
    label = "changes"

    def ready(self) -> None:
        from weilu.changes import follow
        from weilu.process.queries import KIND_PAGES

        KIND_PAGES["change"] = "changes:change"
        follow.subscribe_all()
