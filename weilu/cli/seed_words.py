"""The words of made-up work items: who asks, about which system, for what."""

from random import Random

SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜谢邹苏潘葛范彭"
GIVEN = (
    "晓明", "志强", "丽娟", "建军", "文静", "海燕", "国庆", "雪梅", "俊杰", "思远", "雅琴", "永平",
    "桂芳", "子涵", "立群", "春华", "少峰", "玉兰", "向东", "慧敏", "振宇", "爱玲", "鹏飞", "秀英",
    "家豪", "若彤", "卫东", "佳怡", "学文", "红霞",
)  # fmt: skip
DEPARTMENTS = ("养老待遇科", "医疗保险科", "工伤失业科", "参保登记科", "基金财务科", "稽核风控科", "档案管理科")
SYSTEMS = (
    ("YLDY", "养老待遇发放系统"), ("YBJS", "医保结算平台"), ("CBDJ", "参保登记系统"), ("WSSB", "网上申报平台"),
    ("JJCW", "基金财务系统"), ("DAYX", "档案影像系统"), ("GSSY", "工伤失业系统"), ("JHFK", "稽核风控系统"),
    ("MHWZ", "门户网站"), ("ZZZD", "自助终端系统"), ("SJJH", "数据交换平台"), ("DXPT", "短信平台"),
    ("TYRZ", "统一认证平台"), ("BBFX", "报表分析系统"), ("KFRX", "客服热线系统"), ("YDAP", "移动应用后台"),
    ("GJJT", "公积金提取系统"), ("DKSP", "贷款审批系统"), ("ZWXT", "政务协同系统"), ("JKPT", "监控平台"),
)  # fmt: skip
DOING = (
    "调整", "新增", "优化", "修复", "更换", "升级", "停用", "迁移", "补充", "统一", "放宽", "收紧", "合并", "拆分",
    "核对", "重做",
)  # fmt: skip
OBJECTS = (
    "待遇计发规则", "缴费基数上限", "参保人员查询", "退休审批流程", "工龄认定口径", "异地就医备案", "电子社保卡签发",
    "批量代发接口", "对账差异报表", "短信验证码", "登录超时时间", "附件上传大小", "打印模板", "发票号码校验",
    "银行回盘文件", "丧葬抚恤核定", "欠费催缴通知", "单位信息变更", "历史数据归档", "中间件安全补丁", "数据库连接池",
    "证书有效期", "日志保存期限", "权限分配界面", "统计口径说明", "身份证号码脱敏", "生存认证提醒", "结转利息计算",
    "补缴滞纳金", "转移接续办理", "失业金申领页面", "工伤认定材料", "门诊慢病目录", "药品限价目录", "预约取号时段",
    "自助机凭条格式", "凭证号段", "年度结转任务", "夜间备份作业", "监控告警阈值",
)  # fmt: skip
WHY = (
    "按新文件执行", "窗口人员反映", "年终结转之前", "上月核查发现", "配合省平台改造", "等保测评整改", "群众投诉较多",
    "接口方通知变更", "汛期值守需要", "审计意见整改", "新办公区启用", "跨省业务要求", "节前完成", "试点单位先行",
)  # fmt: skip
NEEDS = (
    "{why}，{system}的{thing}要{doing}。现在的做法每天多花约 {minutes} 分钟，月底更慢。",
    "{thing}与实际办理不一致，{why}，请{doing}{system}中的相应部分，并说明对已办业务有没有影响。",
    "{why}：{system}需{doing}{thing}。希望在 {month} 月底之前用上，培训材料一并更新。",
)
ANALYSES = (
    "可行。改动限于{thing}，不动数据结构，约 {days} 人日。",
    "可行。涉及{system}的接口 {minutes} 处，须与对方联调一次，约 {days} 人日。",
    "可行。已有同类功能可用，主要是配置与核对，约 {days} 人日。",
)
PLANNED = ("窗口内不能办理业务。", "接口联调不一致。", "装回上一版本，恢复升级前的备份。")
AGREED = ("", "", "", "同意。", "同意，注意先备份。", "同意，窗口外不得停机。", "已核对，同意。", "同意，做好通知。")


def name(place: int) -> str:
    """The `place`-th of 1,200 names, each different."""
    return SURNAMES[place % len(SURNAMES)] + GIVEN[place // len(SURNAMES) % len(GIVEN)]


def title(random: Random, system: str) -> tuple[str, dict[str, object]]:
    """A title, and the words that need and analysis of the same item are made of."""
    thing, doing, why = random.choice(OBJECTS), random.choice(DOING), random.choice(WHY)
    said = {
        "thing": thing, "doing": doing, "why": why, "system": system, "minutes": random.randrange(2, 60),
        "month": random.randrange(1, 13), "days": random.randrange(1, 20),
    }  # fmt: skip
    release = f"V{random.randrange(1, 9)}.{random.randrange(20)}.{random.randrange(40)}"
    match random.randrange(4):
        case 0:
            return f"{system} {release} 升级：{doing}{thing}", said
        case 1:
            return f"{doing}{thing}（{why}）", said
        case 2:
            return f"{why}：{doing}{system}的{thing}", said
    return f"{release} {doing}{thing}", said
