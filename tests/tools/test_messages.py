"""What is collected for translation, from each kind of source."""

import pytest

from tools.messages import in_python, in_standalone, in_template

pytestmark = pytest.mark.once


def test_a_word_is_collected_with_its_context():
    python = 'said = pgettext("done", "同意")\nbutton = _("同意")\nsign = pgettext("mark", step.mark)'
    template = '{% load i18n %}{% translate "退回" context "done" %}'

    assert set(in_python(python)) == {("done", "同意", None), (None, "同意", None)}
    assert list(in_template(template)) == [("done", "退回", None)]


def test_a_plural_is_collected_with_both_forms():
    assert list(in_python('_n = ngettext("%(n)d day", "%(n)d days", n)')) == [(None, "%(n)d day", "%(n)d days")]


def test_a_program_without_a_catalogue_gives_its_sentences_as_patterns():
    source = '''
def act():
    """文档不算。"""
    say(f"已装入 {release.name}，共 {size} 字节")
    raise Failed("旧版本没有停下来")
    say("english")
'''

    assert set(in_standalone(source)) == {
        (None, "已装入 %(release)s，共 %(size)s 字节", None),
        (None, "旧版本没有停下来", None),
    }
