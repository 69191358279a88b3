from django.apps import AppConfig


class ChangesConfig(AppConfig):
    name = "weilu.changes"
    label = "changes"

    def ready(self) -> None:
        from weilu.changes import chase, erasing, follow, planned
        from weilu.changes.gates import about_change
        from weilu.changes.kind import FACT_TITLES, KINDS
        from weilu.evidence.reach import hold_words
        from weilu.jobs.kinds import register
        from weilu.process.overview import add_figures
        from weilu.process.vocabulary import register_facts, register_kind
        from weilu.ui.about import tell_about

        for kind in KINDS:
            register_kind(kind)
        register_facts(FACT_TITLES)
        register(chase.CHASE)
        add_figures(chase.figures)
        tell_about("changes", about_change)
        hold_words(*erasing.PLACES)
        planned.register_all()
        follow.subscribe_all()
