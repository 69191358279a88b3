from django.apps import AppConfig


class ExecutionConfig(AppConfig):
    name = "weilu.execution"
    label = "execution"

    def ready(self) -> None:
        from weilu.execution.steps import FACT_TITLES
        from weilu.process.vocabulary import register_facts

        register_facts(FACT_TITLES)
