from django.apps import AppConfig


class ChangesConfig(AppConfig):
    name = "weilu.changes"
    label = "changes"
