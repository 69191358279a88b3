"""What a browser calls itself, as a person names it."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

# The first that fits: browsers name those they descend from, too.
BROWSERS = (
    ("MicroMessenger/", gettext_noop("微信")),
    ("DingTalk/", gettext_noop("钉钉")),
    ("QQBrowser/", gettext_noop("QQ 浏览器")),
    ("HuaweiBrowser/", gettext_noop("华为浏览器")),
    ("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"), ("CriOS/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("OpenHarmony", "HarmonyOS"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"),
    ("Windows", "Windows"), ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


def device_words(agent: str) -> str:
    """`Chrome · Windows`; what is not known is said to be so."""
    found = [next((name for sign, name in table if sign in agent), "") for table in (BROWSERS, SYSTEMS)]
    return " · ".join(_(name) for name in found if name) or _("不认识的设备")
