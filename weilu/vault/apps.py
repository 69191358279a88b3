from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "weilu.vault"
    label = "vault"
