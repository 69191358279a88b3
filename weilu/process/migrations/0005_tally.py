"""Counters of the overview, kept by triggers: an item's coming, its steps and its end each add a row."""

import django.db.models.deletion
from django.db import migrations, models

ADD = "INSERT INTO process_tally (owner_id, name, key, n) SELECT new.owner_id, {name}, {key}, {n} WHERE {when};"


def additions(month):
    """For INSERT, then for UPDATE: (name, key, n, when)."""
    opened, closed, was = month.format("new.opened_at"), month.format("new.closed_at"), month.format("old.closed_at")
    begun = [
        ("'opened'", opened, 1, "1 = 1"),
        ("'system'", "CAST(new.system_id AS varchar(40))", 1, "new.state = 'open'"),
        ("'step'", "new.step", 1, "new.state = 'open' AND new.step <> ''"),
        ("'closed'", closed, 1, "new.state = 'closed' AND new.closed_at IS NOT NULL"),
    ]
    moved = [
        ("'step'", "old.step", -1, "old.state = 'open' AND old.step <> ''"),
        ("'step'", "new.step", 1, "new.state = 'open' AND new.step <> ''"),
        ("'system'", "CAST(old.system_id AS varchar(40))", -1, "old.state = 'open' AND new.state = 'closed'"),
        ("'system'", "CAST(new.system_id AS varchar(40))", 1, "old.state = 'closed' AND new.state = 'open'"),
        ("'closed'", closed, 1, "old.state = 'open' AND new.state = 'closed' AND new.closed_at IS NOT NULL"),
        ("'closed'", was, -1, "old.state = 'closed' AND new.state = 'open' AND old.closed_at IS NOT NULL"),
    ]
    return ["\n".join(ADD.format(name=a, key=b, n=n, when=w) for a, b, n, w in rows) for rows in (begun, moved)]


WHEN = "old.state <> new.state OR old.step <> new.step"


def triggers(apps, editor):
    if editor.connection.vendor == "sqlite":
        begun, moved = additions("strftime('%Y-%m', {}, '+8 hours')")
        editor.execute(f"CREATE TRIGGER process_tally_in AFTER INSERT ON process_workitem BEGIN {begun} END", params=None)
        editor.execute(
            f"CREATE TRIGGER process_tally_moved AFTER UPDATE OF state, step ON process_workitem WHEN {WHEN}"
            f" BEGIN {moved} END",
            params=None,
        )
        return
    begun, moved = additions("to_char({} AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM')")
    for name, body, event in (("in", begun, "INSERT"), ("moved", moved, "UPDATE OF state, step")):
        when = f"WHEN ({WHEN})" if name == "moved" else ""
        editor.execute(
            f"CREATE FUNCTION process_tally_{name}() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN {body} RETURN NULL; END $$",
            params=None,
        )
        editor.execute(
            f"CREATE TRIGGER process_tally_{name} AFTER {event} ON process_workitem FOR EACH ROW {when}"
            f" EXECUTE FUNCTION process_tally_{name}()",
            params=None,
        )


def drop(apps, editor):
    for name in ("in", "moved"):
        on = " ON process_workitem" if editor.connection.vendor == "postgresql" else ""
        editor.execute(f"DROP TRIGGER process_tally_{name}{on}")
        if on:
            editor.execute(f"DROP FUNCTION process_tally_{name}()")


def count(apps, editor):
    """What is there already."""
    sqlite = editor.connection.vendor == "sqlite"
    month = "strftime('%%Y-%%m', {}, '+8 hours')" if sqlite else "to_char({} AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM')"
    asked = (
        ("system", "CAST(system_id AS varchar(40))", "state = 'open'"), ("step", "step", "state = 'open' AND step <> ''"),
        ("opened", month.format("opened_at"), "1 = 1"), ("closed", month.format("closed_at"), "closed_at IS NOT NULL"),
    )
    with editor.connection.cursor() as cursor:
        for name, key, when in asked:
            cursor.execute(
                f"INSERT INTO process_tally (owner_id, name, key, n) SELECT owner_id, '{name}', {key}, count(*)"
                f" FROM process_workitem WHERE {when} GROUP BY 1, 2, 3".replace("%%", "%")
            )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("process", "0004_open_items")]

    operations = [
        migrations.CreateModel(
            name="Tally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("owner", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.organisation")),
                ("name", models.CharField(max_length=10)),
                ("key", models.CharField(max_length=40)),
                ("n", models.IntegerField()),
            ],
        ),
        migrations.AddIndex(model_name="tally", index=models.Index(fields=["owner", "name", "key", "n"], name="tally_sums")),
        migrations.RunPython(triggers, drop),
        migrations.RunPython(count, migrations.RunPython.noop),
    ]
