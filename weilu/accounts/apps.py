from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "weilu.accounts"
    label = "accounts"

    def ready(self) -> None:
        from weilu.accounts import keeping
        from weilu.accounts.queries import holders
        from weilu.evidence.keeping import keep_for_a_time
        from weilu.jobs.kinds import register
        from weilu.ui.about import name_holders

        name_holders(holders)
        for kind in (keeping.RECORD_LOOKS, keeping.CHECK_LOOKS, keeping.PRUNE):
            register(kind)
        for one in (keeping.VISITS, keeping.JOBS):
            keep_for_a_time(one)
