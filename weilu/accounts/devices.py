"""What a browser calls itself, as a person names it."""

from django.utils.translation import gettext as _

# The first that fits: browsers name those they descend from, too.
BROWSERS = (
    ("MicroMessenger/", "微信"), ("DingTalk/", "钉钉"), ("wxwork/", "企业微信"), ("QQBrowser/", "QQ 浏览器"), ("Edg", "Edge"),
    ("HuaweiBrowser/", "华为浏览器"), ("MiuiBrowser/", "小米浏览器"), ("UCBrowser/", "UC 浏览器"), ("OPR/", "Opera"),
    ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("Chrome/", "Chrome"), ("CriOS/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("OpenHarmony", "HarmonyOS"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


def device_words(agent: str) -> str:
    """`Chrome · Windows`; what is not known is said to be so."""
    found = [next((name for sign, name in table if sign in agent), "") for table in (BROWSERS, SYSTEMS)]
    return " · ".join(name for name in found if name) or _("不认识的设备")
