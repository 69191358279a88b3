from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "weilu.kernel"
    label = "kernel"
