from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evidence', '0005_bodies'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='entry',
            index=models.Index(fields=['kind', '-index'], name='entries_of_kind'),
        ),
    ]
