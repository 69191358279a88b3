from django.apps import AppConfig


class SystemsConfig(AppConfig):
    name = "weilu.systems"
    label = "systems"

    def ready(self) -> None:
        from weilu.jobs.kinds import register
        from weilu.systems.keeping import FORGET_UPLOADS

        register(FORGET_UPLOADS)
