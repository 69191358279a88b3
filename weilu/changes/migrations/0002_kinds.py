"""Templates, emergencies, amendments with the documents they affect, and the settings of a customer."""

import django.db.models.deletion
import weilu.kernel.times
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0005_second_factor'),
        ('changes', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Policy',
            fields=[
                ('owner', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to='accounts.organisation')),
                ('follow_up_days', models.PositiveSmallIntegerField(default=5)),
                ('remind_hours', models.PositiveSmallIntegerField(default=8)),
            ],
        ),
        migrations.AddField(
            model_name='change',
            name='follows',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='followed_by', to='changes.change'),
        ),
        migrations.AddField(
            model_name='change',
            name='rerouted_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name='Amendment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.CharField(max_length=40, unique=True)),
                ('of', models.CharField(choices=[('need', '需求'), ('design', '设计与方案')], max_length=10)),
                ('what', models.TextField()),
                ('reason', models.TextField()),
                ('none_affected', models.CharField(default='', max_length=300)),
                ('subject', models.CharField(max_length=64)),
                ('at', models.DateTimeField(default=weilu.kernel.times.now)),
                ('evidence', models.UUIDField()),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('change', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='amendments', to='changes.change')),
            ],
        ),
        migrations.CreateModel(
            name='PlanTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(default='', max_length=64)),
                ('approved_at', models.DateTimeField(null=True)),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('reason', models.CharField(default='', max_length=300)),
                ('change', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='as_template', to='changes.change')),
                ('replaces', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replaced_by', to='changes.plantemplate')),
                ('withdrawn_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddField(
            model_name='change',
            name='template',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='changes.plantemplate'),
        ),
        migrations.CreateModel(
            name='AffectedDocument',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.CharField(max_length=60)),
                ('title', models.CharField(max_length=100)),
                ('version', models.CharField(max_length=40)),
                ('new_version', models.CharField(default='', max_length=40)),
                ('record', models.CharField(default='', max_length=300)),
                ('updated_at', models.DateTimeField(null=True)),
                ('updated_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('amendment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='documents', to='changes.amendment')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('amendment', 'number'), name='one_affected_document')],
            },
        ),
        migrations.CreateModel(
            name='Emergency',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.TextField()),
                ('opened_at', models.DateTimeField()),
                ('due_at', models.DateTimeField()),
                ('remind_hours', models.PositiveSmallIntegerField()),
                ('done_at', models.DateTimeField(null=True)),
                ('change', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='emergency', to='changes.change')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.organisation')),
            ],
            options={
                'indexes': [models.Index(fields=['owner', 'opened_at'], name='emergencies_of_owner'), models.Index(condition=models.Q(('done_at', None)), fields=['owner', 'due_at'], name='open_emergencies')],
            },
        ),
    ]
