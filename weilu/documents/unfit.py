"""Why an Office file is not taken, as sentences."""

from collections.abc import Mapping

from django.utils.translation import gettext as _


def unfit_words(code: str, what: str, own: Mapping[str, str]) -> str:
    """The sentence for what `limited.ask` tells; `own` are those of the kind of file, "fell" for the rest."""
    shared = {
        "locked": _("文件加了密码。去掉密码后再传"),
        "too_many_parts": _("文件里的部件太多（最多 400 个）"),
        "bomb": _("文件解开后太大（压缩炸弹）"),
        "escapes": _("文件里的路径「%(what)s」指到文件之外"),
        "dtd": _("部件「%(what)s」声明了 DTD 或实体"),
        "xml": _("部件「%(what)s」不是完好的 XML"),
    }
    return ({**shared, **own}.get(code) or own["fell"]) % {"what": what}
