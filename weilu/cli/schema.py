"""Which migrations a database has, its models at that state, and bringing an empty one there."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.apps.registry import Apps
from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from weilu.cli.trouble import Trouble

Named = tuple[str, str]
SNAPSHOT = "snapshot"


def applied(base: BaseDatabaseWrapper = connection) -> list[Named]:
    """What the database says it has; nothing where it has no tables."""
    return sorted((str(app), str(name)) for app, name in MigrationLoader(base).applied_migrations)


def unknown(names: list[Named]) -> list[Named]:
    """Migrations that this program does not know: of a newer one."""
    known = MigrationLoader(None).disk_migrations
    return [name for name in names if name not in known]


def pending() -> list[Named]:
    """Migrations of this program that the database has not."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [(migration.app_label, migration.name) for migration, _backwards in plan]


def models_at(names: list[Named]) -> Apps:
    """The models as these migrations left them."""
    loader = MigrationLoader(None)
    return loader.project_state(_ends(loader, names)).apps


def _ends(loader: MigrationLoader, names: list[Named]) -> list[Named]:
    """Those of the migrations that none of the others builds on, within their room."""
    wanted = set(names) & set(loader.graph.node_map)
    return [
        name
        for name in sorted(wanted)
        if not any(child.key in wanted and child.key[0] == name[0] for child in loader.graph.node_map[name].children)
    ]


def make_tables(names: list[Named]) -> None:
    """Bring the empty default database to the state of these migrations."""
    executor = MigrationExecutor(connection)
    executor.migrate(_ends(executor.loader, names))


def tables() -> set[str]:
    """Everything that stands in the database, apart from what SQLite keeps for itself and for FTS5."""
    with connection.cursor() as cursor:
        return {one.name for one in connection.introspection.get_table_list(cursor)}


def drop_everything() -> None:
    """Drop all tables and functions of PostgreSQL's schema; raises Trouble where some are not Weilu's."""
    ours = {model._meta.db_table for model in models_at(applied()).get_models(include_auto_created=True)}
    foreign = tables() - ours - {"django_migrations"}
    if foreign:
        names = "、".join(sorted(foreign)[:5])
        raise Trouble(f"数据库里有别的程序的表（{names}），不清空它。换一个只给维录用的数据库。")
    with connection.cursor() as cursor:
        for table in sorted(tables()):
            cursor.execute(f"DROP TABLE {connection.ops.quote_name(table)} CASCADE")
        cursor.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE pronamespace = current_schema()::regnamespace"
            " AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP FUNCTION {name}")


@contextmanager
def snapshot() -> Iterator[str]:
    """A connection of its own, by its alias, that sees one moment of the database and keeps nobody from writing."""
    base = connection.copy(SNAPSHOT)
    if base.vendor == "sqlite":
        base.settings_dict["OPTIONS"] = {**base.settings_dict["OPTIONS"], "transaction_mode": "DEFERRED"}
    connections[SNAPSHOT] = base
    try:
        with transaction.atomic(using=SNAPSHOT), base.cursor() as cursor:
            if base.vendor == "postgresql":
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SELECT count(*) FROM django_migrations")  # the moment begins with the first look
            yield SNAPSHOT
    finally:
        with suppress(Exception):
            base.close()
        del connections[SNAPSHOT]
