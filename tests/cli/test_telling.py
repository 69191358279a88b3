"""The language of the command line."""

import pytest

from weilu.cli.main import main
from weilu.cli.telling import told
from weilu.config import WrongSetting, read_config

pytestmark = pytest.mark.once
TAKEN = "端口 8000 已被另一个程序占用。换一个端口：PORT=8001；或停掉占用它的程序（ss -ltnp 可查）。"


def test_the_command_speaks_chinese_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("WEILU_LANGUAGE", raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")

    assert told(TAKEN) == TAKEN


def test_the_command_speaks_english_where_the_setting_says_so(monkeypatch):
    monkeypatch.setenv("WEILU_LANGUAGE", "en")

    assert told(TAKEN) == (
        "Another program holds port 8000. Choose another: PORT=8001; or end that program (ss -ltnp names it)."
    )


def test_a_wrong_setting_is_told_in_english_before_there_are_settings(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("WEILU_LANGUAGE", "en")
    monkeypatch.setenv("WEILU_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PORT", "70000")

    assert main(["demo"]) == 2
    assert capsys.readouterr().err == (
        "PORT is “70000”; it should be a whole number from 1 to 65535. Correct it and start again.\n"
    )


def test_another_language_is_refused():
    with pytest.raises(WrongSetting) as wrong:
        read_config({"WEILU_LANGUAGE": "fr", "WEILU_SECRET_KEY": "x"})

    assert str(wrong.value) == "WEILU_LANGUAGE 现在是「fr」，应是 zh 或 en。改正后重新启动。"
