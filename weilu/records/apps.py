from django.apps import AppConfig


class RecordsConfig(AppConfig):
    name = "weilu.records"
    label = "records"
