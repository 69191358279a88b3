from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    name = "weilu.evidence"
    label = "evidence"
