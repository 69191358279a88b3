from django.apps import AppConfig


class ChangesConfig(AppConfig):
    name = "weilu.changes"
    label = "changes"

    def ready(self) -> None:
        from weilu.changes import follow
        from weilu.changes.gates import about_change
        from weilu.changes.kind import CHANGE, FACT_TITLES
        from weilu.process.vocabulary import register_facts, register_kind
        from weilu.ui.about import tell_about

        register_kind(CHANGE)
        register_facts(FACT_TITLES)
        tell_about("changes", about_change)
        follow.subscribe_all()
