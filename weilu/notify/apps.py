from django.apps import AppConfig


class NotifyConfig(AppConfig):
    name = "weilu.notify"
    label = "notify"
