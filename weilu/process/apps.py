from django.apps import AppConfig


class ProcessConfig(AppConfig):
    name = "weilu.process"
    label = "process"
