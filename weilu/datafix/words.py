"""The words that statements of a data correction may use, and what is said of those they may not."""

from enum import StrEnum
from functools import cache

from django.utils.translation import get_language
from django.utils.translation import gettext as _


class Dialect(StrEnum):
    """Whose SQL it is; MariaDB reads as MySQL does in all that is allowed here."""

    POSTGRESQL = "postgres"
    MYSQL = "mysql"
    SQLITE = "sqlite"


def these(text: str) -> frozenset[str]:
    """The words of a text, which reads better than a list of them in quotes."""
    return frozenset(text.split())


# Words with a meaning of their own inside values and conditions; whatever else is not followed by a bracket is a name.
SPOKEN = these(
    "AND OR NOT IS NULL TRUE FALSE IN BETWEEN LIKE ILIKE ESCAPE CASE WHEN THEN ELSE END CAST AS ASC DESC "
    "UPDATE SET WHERE ORDER BY LIMIT DELETE INSERT INTO VALUES DISTINCT FROM"
)

# Functions that answer the same for the same values, and touch nothing: all others are refused.
EVERYWHERE = these("LOWER UPPER TRIM LTRIM RTRIM LENGTH REPLACE COALESCE NULLIF ROUND ABS CAST")
FUNCTIONS = {
    Dialect.POSTGRESQL: EVERYWHERE
    | these(
        "CHAR_LENGTH SUBSTR SUBSTRING LEFT RIGHT CONCAT FLOOR CEIL MOD GREATEST LEAST LPAD RPAD CHR REVERSE REPEAT "
        "SPLIT_PART SIGN MD5"
    ),
    Dialect.MYSQL: EVERYWHERE
    | these(
        "CHAR_LENGTH SUBSTR SUBSTRING LEFT RIGHT CONCAT IFNULL FLOOR CEIL MOD GREATEST LEAST LPAD RPAD CHAR REVERSE "
        "REPEAT DATE IF SIGN HEX UNHEX MD5 CONCAT_WS"
    ),
    Dialect.SQLITE: EVERYWHERE | these("SUBSTR SUBSTRING IFNULL IIF CHAR INSTR SIGN HEX"),
}
TYPES = {
    Dialect.POSTGRESQL: these(
        "INT INTEGER BIGINT SMALLINT DECIMAL NUMERIC REAL VARCHAR CHAR TEXT DATE TIMESTAMP BOOLEAN UUID"
    ),
    Dialect.MYSQL: these("SIGNED UNSIGNED DECIMAL CHAR DATE DATETIME"),
    Dialect.SQLITE: these("INTEGER REAL TEXT"),
}

# Texts that PostgreSQL reads as the present day or moment where a date or time is expected.
MOMENTS = frozenset({"now", "today", "tomorrow", "yesterday"})
# Row numbers by another name: SQLite's primary key, and PostgreSQL's place of a row, which an update moves.
HIDDEN = {
    Dialect.POSTGRESQL: these("CTID XMIN XMAX CMIN CMAX TABLEOID"),
    Dialect.MYSQL: frozenset[str](),
    Dialect.SQLITE: these("ROWID OID _ROWID_"),
}

SCHEMA = these("CREATE ALTER DROP TRUNCATE RENAME COMMENT GRANT REVOKE REINDEX ANALYZE VACUUM OPTIMIZE CLUSTER REFRESH")
TRANSACTION = these("BEGIN START COMMIT ROLLBACK SAVEPOINT RELEASE ABORT END PREPARE XA")
PROGRAM = these(
    "SET CALL DO EXPLAIN DESCRIBE DESC COPY EXEC EXECUTE DECLARE LOCK UNLOCK SHOW USE PRAGMA ATTACH DETACH LOAD KILL "
    "FLUSH RESET HANDLER LISTEN NOTIFY DISCARD DEALLOCATE FETCH MOVE CLOSE IMPORT SOURCE INSTALL PURGE CHANGE STOP"
)
CLOCK = these(
    "CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP UTC_DATE UTC_TIME UTC_TIMESTAMP SYSDATE"
)
SESSION = these("CURRENT_USER CURRENT_ROLE CURRENT_CATALOG CURRENT_SCHEMA SESSION_USER SYSTEM_USER USER ROWNUM")
# What a server reads as its own word although the parser would take it for a name.
OTHERS = these(
    "PARTITION LOW_PRIORITY HIGH_PRIORITY DELAYED QUICK INDEXED INTERVAL COLLATE BINARY ROW OVERRIDING XOR DIV RLIKE "
    "REGEXP GLOB MATCH SIMILAR ANY SOME ALL EXISTS OVER FILTER WITHIN LATERAL TABLE TABLESAMPLE FETCH FOR "
    "USE FORCE KEY INDEX OFFSET GROUP HAVING UNION INTERSECT EXCEPT WINDOW ARRAY ISNULL NOTNULL UNKNOWN SOUNDS MEMBER "
    "CURRENT NOTHING RAISE SELECT WITH CONVERT PROCEDURE"
)


@cache
def _first_words(language: str) -> dict[str, str]:
    schema = _("数据维护只改数据，不改表结构和权限。结构变更另走变更流程")
    transaction = _("事务由微录控制。去掉 BEGIN、COMMIT 这类语句")
    program = _("只接受 INSERT、UPDATE 和 DELETE。去掉这条语句")
    found = dict.fromkeys(PROGRAM, program) | dict.fromkeys(TRANSACTION, transaction) | dict.fromkeys(SCHEMA, schema)
    found["MERGE"] = found["REPLACE"] = upsert()
    found["SELECT"] = found["TABLE"] = found["VALUES"] = _("这是查询，不改数据。去掉这条语句")
    found["WITH"] = _("不接受 WITH：里面可以藏别的语句。直接写 INSERT、UPDATE 或 DELETE")
    found["DELIMITER"] = _("DELIMITER 是客户端的命令，服务器不认识。去掉它，语句之间用分号")
    return found


@cache
def _inner_words(language: str) -> dict[str, str]:
    found = dict.fromkeys(OTHERS, _("「%(word)s」不在可用的写法里。换一种写法；若是列名，加上引号"))
    found |= dict.fromkeys(CLOCK, _("「%(word)s」每次执行的值不同。写成预演时确定的值"))
    found |= dict.fromkeys(SESSION, _("「%(word)s」随连接而变。写成确定的值；若是列名，加上引号"))
    found["SELECT"] = _("不接受子查询：它读的别的行不在比对之内。先查出主键，写成 WHERE 主键 IN (…)")
    found["WITH"] = _first_words(language)["WITH"]
    found["RETURNING"] = _("不接受 RETURNING：改动前后的行由微录取出。去掉它")
    found["DEFAULT"] = _("DEFAULT 的值由服务器执行时才定。写成确定的值；若是列名，加上引号")
    found["ONLY"] = _("不接受 ONLY：哪些下级表算在内容易看错。直接写要改的那张表")
    found["OUTFILE"] = found["DUMPFILE"] = _("不接受写到文件。去掉 INTO OUTFILE")
    found |= dict.fromkeys(
        these("JOIN INNER CROSS NATURAL STRAIGHT_JOIN USING"),
        _("一条语句只改一张表，不接受连接：一行可能配上几行。先查出主键，写成 WHERE 主键 IN (…)"),
    )
    found |= dict.fromkeys(these("CONFLICT DUPLICATE REPLACE IGNORE"), upsert())
    return found


def first_words() -> dict[str, str]:
    """For a word that may not begin a statement, what is said of it."""
    return _first_words(get_language() or "")


def inner_words() -> dict[str, str]:
    """For a word that no statement may hold outside quotes, what is said of it."""
    return _inner_words(get_language() or "")


def upsert() -> str:
    return _(
        "不接受 REPLACE、MERGE、ON CONFLICT、ON DUPLICATE KEY 和 IGNORE：改了还是插了看不出来。分开写 INSERT 和 UPDATE"
    )
