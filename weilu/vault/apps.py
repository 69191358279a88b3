from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "weilu.vault"
    label = "vault"

    def ready(self) -> None:
        from weilu.accounts.alarms import watch
        from weilu.jobs.kinds import register
        from weilu.kernel.events import subscribe
        from weilu.systems.panels import show_on_host
        from weilu.ui.about import tell_about
        from weilu.vault.about import about_vault
        from weilu.vault.queries import on_host
        from weilu.vault.reach import jobs, news, signs

        show_on_host("vault/host-panel.html", on_host)
        tell_about("vault", about_vault)
        register(jobs.LOOK)
        jobs.serve()
        watch(signs.of_hosts)
        for name, listener in (
            ("systems.host_registered", news.registered),
            ("systems.host_changed", news.changed),
            ("systems.key_pinned", news.pinned),
            ("systems.host_retired", news.retired),
            ("systems.hosts_imported", news.imported),
        ):
            subscribe(name, listener)
