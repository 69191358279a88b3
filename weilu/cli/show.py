"""`weilu demo`: set up, play the story once, then serve; a second call goes on where the first stopped."""

from pathlib import Path

from weilu.cli import demo_witnesses
from weilu.cli.serve import HOST, end, serve
from weilu.cli.setup import set_up
from weilu.cli.telling import tell, told
from weilu.cli.trouble import need_free_port

LOGINS = (
    ("wangmin", "王敏", "甲方　申请人"),
    ("lijianguo", "李建国", "甲方　部门负责人"),
    ("zhaolixin", "赵立新", "甲方　技术部门负责人"),
    ("qianwenyuan", "钱文远", "甲方　用户领导"),
    ("wujing", "吴静", "甲方　信息安全领导办公室"),
    ("zhengjie", "郑洁", "甲方　系统管理员"),
    ("chenhang", "陈航", "乙方　维护工程师"),
    ("zhouyi", "周毅", "乙方　软件开发负责人"),
    ("sunli", "孙莉", "另一乙方，应当什么也看不到"),
)


def show() -> int:
    """Everything a newcomer needs, from an empty folder to a running site, with a witness for each side."""
    from weilu.config import read_config

    config = read_config()
    need_free_port(HOST, config.port)
    sides = demo_witnesses.choose(config)
    config = set_up(say=tell)
    witnesses = demo_witnesses.run(config, sides)
    try:
        _play_once(config.data_dir / "story")
        return serve()
    finally:
        end(witnesses)


def _play_once(story: Path) -> None:
    played = story / "played"
    if not played.exists():
        from weilu.cli.story import play

        play(story)
        played.touch()
    from weilu.demo import PASSWORD

    print()
    tell(f"登录名（密码都是 {PASSWORD}）：")
    for username, name, part in LOGINS:
        print(f"  {username:<12}{name}　{told(part)}")
    tell(f"报告单和证据导出在 {story}")
    print(flush=True)
