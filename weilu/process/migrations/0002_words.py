"""The words items are found by, with their index: FTS5 fed by triggers, or GIN over an immutable function."""

import django.db.models.deletion
from django.db import migrations, models

SQLITE = (
    # Contentless: the index holds no text of its own; detail=none: only which item a pair stands in.
    "CREATE VIRTUAL TABLE process_words_index USING fts5(pairs, content='', detail=none, columnsize=0, tokenize='ascii')",
    """CREATE TRIGGER process_words_in AFTER INSERT ON process_words BEGIN
       INSERT INTO process_words_index(rowid, pairs) VALUES (new.item_id, weilu_bigrams(new.owner_id, new.text)); END""",
    """CREATE TRIGGER process_words_out AFTER DELETE ON process_words BEGIN
       INSERT INTO process_words_index(process_words_index, rowid, pairs)
       VALUES ('delete', old.item_id, weilu_bigrams(old.owner_id, old.text)); END""",
    """CREATE TRIGGER process_words_changed AFTER UPDATE ON process_words BEGIN
       INSERT INTO process_words_index(process_words_index, rowid, pairs)
       VALUES ('delete', old.item_id, weilu_bigrams(old.owner_id, old.text));
       INSERT INTO process_words_index(rowid, pairs) VALUES (new.item_id, weilu_bigrams(new.owner_id, new.text)); END""",
)
POSTGRESQL = (
    """CREATE FUNCTION weilu_bigrams(owner bigint, words text) RETURNS text[]
       LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
       SELECT coalesce(array_agg(DISTINCT owner || ':' || signs[at] || signs[at + 1]), '{}')
       FROM (SELECT string_to_array(words, NULL) AS signs) s, generate_series(1, length(words) - 1) AS at
       WHERE signs[at] <> ' ' AND signs[at + 1] <> ' ' $$""",
    "CREATE INDEX process_words_pairs ON process_words USING gin (weilu_bigrams(owner_id, text))",
)
UNDO = {
    "sqlite": (
        "DROP TRIGGER process_words_changed", "DROP TRIGGER process_words_out", "DROP TRIGGER process_words_in",
        "DROP TABLE process_words_index",
    ),
    "postgresql": ("DROP INDEX process_words_pairs", "DROP FUNCTION weilu_bigrams(bigint, text)"),
}


def index(apps, editor):
    for statement in SQLITE if editor.connection.vendor == "sqlite" else POSTGRESQL:
        editor.execute(statement)


def drop_index(apps, editor):
    for statement in UNDO[editor.connection.vendor]:
        editor.execute(statement)


def fill(apps, editor):
    """Items opened before words were kept: found by title, system and requester."""
    from weilu.process.bigrams import fold

    Words = apps.get_model("process", "Words")
    items = apps.get_model("process", "WorkItem").objects.select_related("system", "requester").order_by("id")
    rows = []
    for item in items.iterator(2000):
        text = fold(" ".join([item.title, item.system.name, item.system.code, item.requester.name]))
        rows.append(Words(item_id=item.id, owner_id=item.owner_id, text=text))
    Words.objects.bulk_create(rows, batch_size=2000)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("process", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Words",
            fields=[
                ("item", models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name="found_by", serialize=False, to="process.workitem")),
                ("owner", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.organisation")),
                ("text", models.TextField()),
            ],
        ),
        migrations.RunPython(index, drop_index),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
