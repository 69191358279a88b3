from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "weilu.accounts"
    label = "accounts"
