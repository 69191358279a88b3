"""The first step of a later version's migrations: it leaves its trace."""

from django.db import migrations, models

from tests.cli.later import deed


class Migration(migrations.Migration):
    dependencies = [("evidence", "0001_initial"), ("accounts", "0001_initial")]
    operations = [
        migrations.CreateModel("Thing", [("id", models.BigAutoField(primary_key=True))]),
        migrations.RunPython(deed.first),
    ]
