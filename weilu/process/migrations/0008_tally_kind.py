"""A counter of what was opened by month and kind of work, kept by a trigger as the others are."""

from django.db import migrations

MONTHS = {
    "sqlite": "strftime('%Y-%m', {}, '+8 hours')",
    "postgresql": "to_char({} AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM')",
}


def trigger(apps, editor):
    vendor = editor.connection.vendor
    month = MONTHS[vendor].format("new.opened_at")
    body = (
        "INSERT INTO process_tally (owner_id, name, key, n)"
        f" VALUES (new.owner_id, 'kind', {month} || ':' || new.kind, 1);"
    )
    if vendor == "sqlite":
        editor.execute(
            f"CREATE TRIGGER process_tally_kind AFTER INSERT ON process_workitem BEGIN {body} END", params=None
        )
        return
    editor.execute(
        "CREATE FUNCTION process_tally_kind() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {body} RETURN NULL; END $$",
        params=None,
    )
    editor.execute(
        "CREATE TRIGGER process_tally_kind AFTER INSERT ON process_workitem FOR EACH ROW"
        " EXECUTE FUNCTION process_tally_kind()",
        params=None,
    )


def drop(apps, editor):
    if editor.connection.vendor == "sqlite":
        editor.execute("DROP TRIGGER process_tally_kind")
        return
    editor.execute("DROP TRIGGER process_tally_kind ON process_workitem")
    editor.execute("DROP FUNCTION process_tally_kind()")


def count(apps, editor):
    """What is there already."""
    month = MONTHS[editor.connection.vendor].format("opened_at")
    with editor.connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO process_tally (owner_id, name, key, n)"
            f" SELECT owner_id, 'kind', {month} || ':' || kind, count(*) FROM process_workitem GROUP BY 1, 3"
        )


class Migration(migrations.Migration):
    dependencies = [("process", "0007_drafts")]

    operations = [migrations.RunPython(trigger, drop), migrations.RunPython(count, migrations.RunPython.noop)]
