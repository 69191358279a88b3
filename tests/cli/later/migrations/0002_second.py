"""The second step: see the first."""

from django.db import migrations

from tests.cli.later import deed


class Migration(migrations.Migration):
    dependencies = [("later", "0001_initial")]
    operations = [migrations.RunPython(deed.second)]
