from django.apps import AppConfig


class ExecutionConfig(AppConfig):
    name = "weilu.execution"
    label = "execution"

    def ready(self) -> None:
        from weilu.evidence.reach import Place, hold_words
        from weilu.execution.about import about_run
        from weilu.execution.holding import held_by_runs
        from weilu.execution.marks import marks_of
        from weilu.execution.models import Cell, Run, RunEvent, RunHost, RunStep
        from weilu.execution.steps import FACT_TITLES
        from weilu.planning.board import register_marks
        from weilu.process.vocabulary import register_facts
        from weilu.systems.holding import register_hold
        from weilu.ui.about import tell_about

        hold_words(
            Place(Run, "item__uid", ("plan", "cause")),
            Place(RunStep, "run__item__uid", ("words", "result"), "evidence"),
            Place(RunEvent, "run__item__uid", ("text",)),
            Place(RunHost, "run__item__uid", ("words",)),
            Place(Cell, "step__run__item__uid", ("words", "result")),
        )
        register_facts(FACT_TITLES)
        register_hold(held_by_runs)
        register_marks(marks_of)
        tell_about("execution", about_run)
