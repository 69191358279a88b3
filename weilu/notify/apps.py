from django.apps import AppConfig


class NotifyConfig(AppConfig):
    name = "weilu.notify"
    label = "notify"

    def ready(self) -> None:
        from weilu.evidence.keeping import keep_for_a_time
        from weilu.evidence.reach import Place, hold_words
        from weilu.jobs.kinds import register
        from weilu.kernel.events import subscribe
        from weilu.notify import mailing, security
        from weilu.notify.actions import put_on_record_again, tell_of_document
        from weilu.notify.keeping import NOTICES
        from weilu.notify.models import Notice
        from weilu.notify.queries import unread_count
        from weilu.ui import shell

        keep_for_a_time(NOTICES)
        hold_words(Place(Notice, "item", ("title", "body", "about")))
        register(mailing.SEND)
        register(mailing.DIGESTS)
        subscribe("jobs.tried_again", put_on_record_again)
        subscribe("accounts.gap_left", security.on_gap_left)
        subscribe("accounts.alarm_raised", security.on_alarm_raised)
        subscribe("accounts.alarms_set", security.on_alarms_set)
        subscribe("documents.told", tell_of_document)
        shell.count_at(shell.NOTICES, unread_count)
