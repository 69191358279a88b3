from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "weilu.jobs"
    label = "jobs"
