from django.apps import AppConfig


class ExecutionConfig(AppConfig):
    name = "weilu.execution"
    label = "execution"
