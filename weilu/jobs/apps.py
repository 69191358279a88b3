from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "weilu.jobs"
    label = "jobs"

    def ready(self) -> None:
        from weilu.jobs.actions import CLEAR_AWAY
        from weilu.jobs.kinds import register

        register(CLEAR_AWAY)
