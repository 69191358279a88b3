"""Going to hosts while others ask, change, retire and grant: nothing waits for what it need not, nothing is lost."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction

from tests.cast import Cast, cast_again, make_host
from tests.support.unchanged import Refusal, refusal_of
from tests.vault.conftest import make_key, make_place, staged
from tests.vault.going import gone_to
from weilu.jobs.kinds import Fenced
from weilu.jobs.models import Job
from weilu.jobs.worker import claim, new_holder
from weilu.kernel.times import now
from weilu.systems.actions import hold_register
from weilu.systems.host_actions import retire_host
from weilu.systems.models import Host
from weilu.vault import keys
from weilu.vault.actions import grant_access
from weilu.vault.models import Access, Reaching
from weilu.vault.reach import jobs
from weilu.vault.reach.actions import test_connection as ask_for_test
from weilu.vault.reach.rules import Found, State
from weilu.vault.reach.visiting import _new_folder, keep

NO_FILE = "这台机器没有保险库密钥 {place}"


def waited_for(vault: Cast) -> Reaching:
    ask_for_test(vault.chen, make_host(make_place(vault)))
    return Reaching.objects.select_related("host__owner").get()


def test_a_test_asked_for_while_the_host_is_visited_is_not_lost(vault: Cast):
    row = waited_for(vault)
    ask_for_test(vault.zheng, row.host)  # from inside the visit
    keep(row, Found(State.OK))
    kept = Reaching.objects.get()
    assert (kept.state, kept.asked_at is not None) == ("ok", True)
    keep(Reaching.objects.select_related("host__owner").get(), Found(State.OK))
    assert Reaching.objects.get().asked_at is None


def test_a_worker_that_was_overtaken_writes_nothing_of_what_it_found(vault: Cast):
    row = waited_for(vault)
    Job.objects.exclude(kind="vault.reach").delete()
    doing = claim(new_holder())
    assert doing is not None
    Job.objects.update(lease_until=now() - timedelta(seconds=1))
    later = claim(new_holder())
    assert later is not None
    with pytest.raises(Fenced):
        keep(row, Found(State.REFUSED, offered="ssh-ed25519 AAAA"), doing.held)
    assert (Reaching.objects.get().state, staged("vault.host_key_refused")) == ("", [])
    keep(row, Found(State.OK), later.held)
    assert Reaching.objects.get().state == "ok"


@pytest.mark.once
def test_a_later_life_of_a_piece_of_work_ends_the_earlier_one_and_never_the_other_way_round():
    def there() -> list[str]:
        return sorted(one.name for one in (Path(settings.CONFIG.data_dir) / "attempts").glob("reach-70*"))

    _new_folder("reach-70", 2)
    _new_folder("reach-701", 1)
    _new_folder("reach-70", 1)
    assert there() == ["reach-70-1", "reach-70-2", "reach-701-1"]
    for name, fence in (("reach-70", 3), ("reach-701", 2)):
        _new_folder(name, fence).rmdir()
    assert there() == []


def test_where_the_vaults_key_is_missing_no_use_is_on_record(vault: Cast):
    group = make_place(vault)
    hosts = [make_host(group), make_host(group)]
    grant_access(vault.zheng, make_key(vault, "一"), group=group)
    grant_access(vault.zheng, make_key(vault, "二"), host=hosts[1])
    place = keys.key_file()
    away = place.rename(place.with_name("away"))
    try:
        found = gone_to(*hosts)
    finally:
        away.rename(place)
    assert [(one.state, one.words) for one in found] == [("no_key", NO_FILE.format(place=place))] * 2
    assert staged("vault.credential_used") == []


def test_no_credential_is_given_to_a_host_that_was_just_retired(vault: Cast):
    host, credential = make_host(make_place(vault)), make_key(vault)
    shown = Host.objects.get(id=host.id)
    retire_host(vault.zheng, host, reason="下线")
    told = Refusal(f"主机 {host.name} 已停用", "", "place")
    assert refusal_of(lambda: grant_access(vault.zheng, credential, host=shown)) == told


@pytest.fixture
def real(transactional_db: None) -> Cast:
    """The cast in a database where others see what was committed."""
    cast = cast_again()
    keys.ensure()
    return cast


def beside(act: Callable[[], object], troubles: list[Exception]) -> threading.Thread:
    """`act` in a transaction and a connection of its own."""

    def run() -> None:
        try:
            act()
        except Exception as problem:
            troubles.append(problem)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
def test_of_two_credentials_given_to_one_place_at_once_the_second_takes_it(real: Cast):
    group, troubles = make_place(real), list[Exception]()
    one, two = make_key(real, "一"), make_key(real, "二")
    with transaction.atomic():
        grant_access(real.zheng, one, group=group)
        other = beside(lambda: grant_access(real.zheng, two, group=group), troubles)
        other.join(0.3)  # it stands before what we hold
    other.join()
    assert (troubles, [access.credential.name for access in Access.objects.all()]) == ([], ["二"])
    assert [said["instead_of"] for said in staged("vault.access_given")] == ["", "一"]


@pytest.mark.django_db(transaction=True)
def test_what_a_host_said_is_kept_while_the_register_is_held_and_after_who_holds_the_host(real: Cast):
    row, troubles = waited_for(real), list[Exception]()
    if connection.vendor == "postgresql":  # SQLite has one writer at a time
        with transaction.atomic():
            hold_register(real.zheng, real.jz)
            kept = beside(lambda: keep(row, Found(State.DENIED)), troubles)
            kept.join(20)
            made = beside(lambda: make_key(real), troubles)
            made.join(20)
            assert (kept.is_alive(), made.is_alive()) == (False, False)
        assert Reaching.objects.get().state == "denied"
    with transaction.atomic():
        Host.objects.select_for_update().get(id=row.host_id)
        kept = beside(lambda: keep(row, Found(State.OK)), troubles)
        kept.join(0.3)
        jobs.ask([row.host])
    kept.join()
    assert (troubles, Reaching.objects.get().state) == ([], "ok")
