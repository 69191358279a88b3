from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "weilu.accounts"
    label = "accounts"

    def ready(self) -> None:
        from weilu.accounts import keeping
        from weilu.accounts.alarms import LOOK
        from weilu.accounts.queries import holders
        from weilu.accounts.security_pages import open_alarms
        from weilu.evidence.keeping import keep_for_a_time
        from weilu.jobs.kinds import register
        from weilu.ui.about import name_holders
        from weilu.ui.shell import count_at

        register(LOOK)
        name_holders(holders)
        count_at("/security/", open_alarms)
        for kind in (keeping.RECORD_LOOKS, keeping.CHECK_LOOKS, keeping.PRUNE, keeping.WIPE, keeping.SEAL_OLD):
            register(kind)
        for one in (keeping.VISITS, keeping.SECURITY, keeping.JOBS):
            keep_for_a_time(one)
