from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "weilu.vault"
    label = "vault"

    def ready(self) -> None:
        from weilu.accounts.alarms import watch
        from weilu.jobs.kinds import register
        from weilu.kernel.events import subscribe
        from weilu.vault.reach import jobs, news, signs

        register(jobs.LOOK)
        jobs.serve()
        watch(signs.of_hosts)
        for name, listener in (
            ("systems.host_registered", news.registered),
            ("systems.host_changed", news.changed),
            ("systems.key_pinned", news.pinned),
            ("systems.host_retired", news.retired),
        ):
            subscribe(name, listener)
