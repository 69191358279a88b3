from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "weilu.documents"
    label = "documents"
