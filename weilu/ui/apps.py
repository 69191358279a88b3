from django.apps import AppConfig


class UiConfig(AppConfig):
    name = "weilu.ui"
    label = "ui"
