from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "weilu.accounts"
    label = "accounts"

    def ready(self) -> None:
        from weilu.accounts.queries import holders
        from weilu.ui.about import name_holders

        name_holders(holders)
