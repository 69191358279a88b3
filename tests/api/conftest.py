"""江州's whole story on record, every id of it, and the words that no other tenant may ever read."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from demo.channel import Channel, build_channel
from tests.cast import Cast, make_cast, make_change, make_environment, make_group, make_host, make_installation
from tests.changes.steps import bring
from tests.documents.builders import make_template
from tests.planning.builders import book_for, make_exception, make_freeze, make_window
from tests.support.replayed import Replayed
from weilu.accounts.alarms import raise_alarms
from weilu.accounts.credentials import ApiToken
from weilu.accounts.register import note
from weilu.accounts.tokens import make_token
from weilu.accounts.watched import Alarm, SecurityEvent
from weilu.changes.models import Change
from weilu.demo import PASSWORD
from weilu.documents.models import Document, Version
from weilu.evidence.actions import tick
from weilu.evidence.models import Entry
from weilu.execution.models import Run
from weilu.kernel.times import SHANGHAI, now
from weilu.notify.models import Notice
from weilu.planning.models import Booking, Freeze, FreezeException, Window
from weilu.process.drafted import FlowDraft
from weilu.process.flow_actions import draft_flow
from weilu.records.filling import fill_sheet
from weilu.records.models import Overtime, RecordSheet
from weilu.records.overtime import enter_overtime
from weilu.records.queries import paper_of
from weilu.records.scans import file_scan
from weilu.systems.import_actions import propose_import
from weilu.systems.models import Environment, Host, HostGroup, HostImport, Limit

TITLE, NEED = "预约平台升级到 1.1.0", "预约时要能写备注。"


@dataclass
class Told:
    """One closed change and one that is on its way, with all they left."""

    cast: Cast
    closed: Change
    open: Change
    run: Run
    sheet: RecordSheet

    @property
    def uids(self) -> dict[str, str]:
        """Every uid of 江州, by what it names."""
        rows: dict[str, Any] = {
            "closed item": self.closed.item, "open item": self.open.item, "run": self.run, "sheet": self.sheet,
            "scan": self.sheet.scans.get(), "overtime": Overtime.objects.get(),
            "document": Document.objects.get(), "version": Version.objects.get(), "docx": self.sheet.docx.get(),
            "system": self.run.item.system, "installation": self.run.installation, "customer": self.cast.jz,
            "person": self.cast.wang, "token": ApiToken.objects.get(person=self.cast.wang),
            "alarm": Alarm.objects.get(owner=self.cast.jz),
            "flow": self.closed.item.flow, "draft": FlowDraft.objects.get(author=self.cast.zheng),
            "notice": Notice.objects.filter(person=self.cast.wang).first(),
            "environment": Environment.objects.get(), "group": HostGroup.objects.get(), "host": Host.objects.get(),
            "window": Window.objects.filter(name="东窗").get(), "freeze": Freeze.objects.get(),
            "exception": FreezeException.objects.get(), "booking": FreezeException.objects.get().item.bookings.get(),
            "limit": Limit.objects.get(), "upload": HostImport.objects.get(),
        }  # fmt: skip
        return {name: str(row.uid) for name, row in rows.items()}

    @property
    def numbers(self) -> list[str]:
        return [self.closed.item.number, self.open.item.number, self.run.number, self.sheet.number]

    @property
    def digests(self) -> list[str]:
        """Digests by which something of 江州 is known: the plan, the frozen sheet, its printed file."""
        return [self.run.subject, self.sheet.digest, self.sheet.filed, self.run.plan["sha256"]]

    @property
    def indexes(self) -> list[int]:
        """The places of 江州's entries in the log."""
        return list(Entry.objects.filter(org="JZ").order_by("index").values_list("index", flat=True))

    @property
    def words(self) -> list[str]:
        """Names, titles, numbers, ids and digests that a stranger must not read."""
        people = [self.cast.wang, self.cast.li, self.cast.zhao, self.cast.qian, self.cast.wu, self.cast.zheng]
        people += [self.cast.chen, self.cast.zhou]
        named = [
            TITLE,
            NEED,
            "JZ-MB-01",
            "记录单模板",
            "网上预约平台",
            "江州",
            "养老待遇科",
            "禾川",
            "app-01",
            "东机房",
            "东窗",
            "东封网",
            "东漏洞",
            "jz-hosts",
            "jz-web",
            "192.0.2.1",
            "jzdesk",
            self.sheet.token,
        ]
        return [
            *named, *(one.name for one in people), *(one.username for one in people), *self.numbers, *self.digests,
        ]  # fmt: skip


@pytest.fixture(scope="session")
def channel_source(tmp_path_factory: pytest.TempPathFactory) -> Channel:
    return build_channel(tmp_path_factory.mktemp("channel"))


@pytest.fixture(scope="session")
def telling(channel_source: Channel) -> Replayed[Told]:
    return Replayed(lambda: tell(make_cast(), channel_source))


@pytest.fixture
def told(db: None, telling: Replayed[Told]) -> Told:
    return telling()


def tell(cast: Cast, channel: Channel) -> Told:
    """A change played to its end, a second one at its security office, and the log placed and signed."""
    installation = make_installation(cast, channel.folder, channel.keyring)
    closed = bring(cast, make_change(cast, installation, TITLE), "")
    run, sheet = Run.objects.get(item=closed.item), RecordSheet.objects.get(item=closed.item)
    installation.version = "1.0.0"
    installation.save()
    opened = bring(cast, make_change(cast, installation, TITLE), "security")
    today = now().astimezone(SHANGHAI).date()
    make_token(cast.wang, name="夜间报表", scope=[], until=today, password=PASSWORD, address="10.0.0.1")
    late = datetime(2026, 9, 23, 20, tzinfo=SHANGHAI)
    enter_overtime(cast.chen, opened.item, since=late, until=late + timedelta(hours=1), reason="留守。")
    for _attempt in range(5):
        note(SecurityEvent.Kind.REFUSED, person=cast.wang, address="10.0.0.1", act="POST /x CHG-1")
    raise_alarms(cast.jz)
    draft_flow(cast.zheng, cast.jz, source=closed.item.flow.source, base=closed.item.flow)
    template = make_template(cast, "系统 {{ system }}", level="internal", recipients=["person:wangmin"])
    fill_sheet(cast.chen, sheet, template=str(template.uid))
    file_scan(cast.chen, sheet, data=paper_of(sheet))
    make_host(make_group(make_environment(installation.system)), name="jz-app-01", site="东机房")
    Limit.objects.create(owner=cast.jz, kind="site", name="东机房", at_once=2)
    make_window(installation.system, name="东窗")
    booking = Booking.objects.kept().filter(item=opened.item).first() or book_for(cast, opened.item)
    make_exception(make_freeze(cast.jz, name="东封网"), booking, cast, why="东漏洞")
    place = Environment.objects.get()
    propose_import(cast.zheng, cast.jz, name="jz-hosts.ini", data=b"[jz-web]\njz-app-02\n", environment=place)
    tick()
    return Told(cast, closed, opened, run, sheet)


def body_of(answer: Any) -> str:
    """Everything an answer says: body (JSON read, so that escapes hide nothing) and headers."""
    said = b"".join(answer.streaming_content) if answer.streaming else answer.content
    text: str = said.decode("utf-8", "replace")
    if "json" in answer.headers.get("Content-Type", ""):
        text += json.dumps(json.loads(text), ensure_ascii=False)
    return text + str(dict(answer.headers))


@pytest.fixture
def change(cast: Cast, channel_source: Channel) -> Change:
    """A fresh change of 江州 at its analysis."""
    return make_change(cast, make_installation(cast, channel_source.folder, channel_source.keyring), TITLE)
