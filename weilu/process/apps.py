from django.apps import AppConfig
from django.db.backends.signals import connection_created


class ProcessConfig(AppConfig):
    name = "weilu.process"
    label = "process"

    def ready(self) -> None:
        from weilu.accounts.needs import register_need
        from weilu.evidence.looking import name_workers
        from weilu.jobs.kinds import register
        from weilu.notify.kinds import ESCALATION, REMINDER, WAITS, register_relevance
        from weilu.process import deadlines, erasing, gaps, notices
        from weilu.process.queries import works_on
        from weilu.process.search import teach
        from weilu.process.tallies import FOLD

        connection_created.connect(teach)
        for kind in (notices.WAITING, notices.REQUESTER, notices.SETTLE, deadlines.WATCH, deadlines.SWEEP, FOLD):
            register(kind)
        notices.subscribe_all()
        erasing.subscribe_all()
        register_need(gaps.gaps, gaps.uses)
        name_workers(works_on)
        register_relevance((WAITS, REMINDER), notices.still_waiting)
        register_relevance((ESCALATION,), notices.still_open)
