from django.apps import AppConfig


class ExecutionConfig(AppConfig):
    name = "weilu.execution"
    label = "execution"

    def ready(self) -> None:
        from weilu.execution.about import about_run
        from weilu.execution.steps import FACT_TITLES
        from weilu.process.vocabulary import register_facts
        from weilu.ui.about import tell_about

        register_facts(FACT_TITLES)
        tell_about("execution", about_run)
