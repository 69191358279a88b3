from django.apps import AppConfig


class SystemsConfig(AppConfig):
    name = "weilu.systems"
    label = "systems"
