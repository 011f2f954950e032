"""The tables of the history, and how a file of an earlier version becomes one of this version.

Version 1 has no reasons and no origins, version 2 has no inputs, version 3 has no hourly values and does not
tell when nothing was recorded.
"""

VERSION = 4
OLD_VERSIONS = (1, 2, 3)

INPUT_TABLES = """
    CREATE TABLE input (id INTEGER PRIMARY KEY, device INTEGER NOT NULL, at REAL NOT NULL, what TEXT NOT NULL,
        details TEXT NOT NULL);
    CREATE INDEX input_by_device ON input (device, at);
    CREATE TABLE received (device INTEGER PRIMARY KEY, boot INTEGER NOT NULL, number INTEGER NOT NULL);
"""
"""`details` is JSON. `received` has, for each device, the last recorded input: the run of its process and the
number. It is written together with the input. So no input is recorded twice, and a gap is noticed."""
HOUR_TABLES = """
    CREATE TABLE hour (series INTEGER, at REAL, low REAL, mean REAL, high REAL, seconds REAL, kwh REAL,
        PRIMARY KEY (series, at)) WITHOUT ROWID;
    CREATE TABLE day (series INTEGER, at REAL, low REAL, mean REAL, high REAL, seconds REAL,
        PRIMARY KEY (series, at)) WITHOUT ROWID;
    CREATE TABLE recording (at REAL PRIMARY KEY, until REAL NOT NULL, closed INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE absence (device INTEGER, at REAL, until REAL, why TEXT,
        PRIMARY KEY (device, at, why)) WITHOUT ROWID;
"""
"""`hour` has a row for each hour in which something is known of a series: for `seconds`, over which the mean
is weighted. `kwh` is the energy, if the series is a power or a counter of energy. `day` has the same for each
day of UTC. `recording` has the times
in which the recorder recorded. `absence` has the times in which a device was not heard or not reached;
`until` is null while that lasts."""
SCHEMA = f"""
    CREATE TABLE device (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE change (device INTEGER, at REAL, state TEXT, cause TEXT,
        by TEXT, who TEXT, rule INTEGER, moment REAL,
        origin TEXT, origin_at REAL, origin_by TEXT, origin_device TEXT, origin_who TEXT,
        PRIMARY KEY (device, at)) WITHOUT ROWID;
    CREATE INDEX change_by_cause ON change (cause, at) WHERE cause IS NOT NULL;
    CREATE TABLE process (device INTEGER, at REAL, life TEXT, pid INTEGER, reason TEXT,
        PRIMARY KEY (device, at)) WITHOUT ROWID;
    CREATE TABLE series (id INTEGER PRIMARY KEY, device INTEGER, name TEXT, UNIQUE (device, name));
    CREATE TABLE sample (series INTEGER, at REAL, value REAL, PRIMARY KEY (series, at)) WITHOUT ROWID;
    CREATE TABLE minute (series INTEGER, at REAL, low REAL, mean REAL, high REAL, last REAL,
        PRIMARY KEY (series, at)) WITHOUT ROWID;
    {INPUT_TABLES}
    {HOUR_TABLES}
"""
"""A state is JSON, without the fields that are measurements. All times are Unix seconds.

`by`, `who`, `rule` and `moment` are the reason of a change. `origin` is null if it equals the cause, as it
does in most changes; without any origin, `origin_at` is null, too.
"""
RECORDED_BEFORE = """
    INSERT INTO recording SELECT first, last, 0 FROM (SELECT min(first) AS first, max(last) AS last FROM (
        SELECT (SELECT min(at) FROM change WHERE device = id) AS first,
            (SELECT max(at) FROM change WHERE device = id) AS last FROM device
        UNION ALL SELECT (SELECT min(at) FROM minute WHERE series = id),
            (SELECT max(at) FROM minute WHERE series = id) FROM series
        UNION ALL SELECT (SELECT min(at) FROM sample WHERE series = id),
            (SELECT max(at) FROM sample WHERE series = id) FROM series
    )) WHERE first IS NOT NULL;
"""
"""The rows of an earlier version tell only since when and until when there are any."""
UPGRADES = {
    1: """
        ALTER TABLE change ADD COLUMN by TEXT;
        ALTER TABLE change ADD COLUMN who TEXT;
        ALTER TABLE change ADD COLUMN rule INTEGER;
        ALTER TABLE change ADD COLUMN moment REAL;
        ALTER TABLE change ADD COLUMN origin TEXT;
        ALTER TABLE change ADD COLUMN origin_at REAL;
        ALTER TABLE change ADD COLUMN origin_by TEXT;
        ALTER TABLE change ADD COLUMN origin_device TEXT;
        ALTER TABLE change ADD COLUMN origin_who TEXT;
    """,
    2: INPUT_TABLES,
    3: HOUR_TABLES + RECORDED_BEFORE,
}
"""For each old version, what makes a file of the next version of it. It takes no longer for a large file."""
NO_REASONS = (
    "CREATE TEMP VIEW change AS SELECT *, NULL AS by, NULL AS who, NULL AS rule, NULL AS moment, "
    "NULL AS origin, NULL AS origin_at, NULL AS origin_by, NULL AS origin_device, NULL AS origin_who "
    "FROM main.change"
)
NO_INPUTS = (
    "CREATE TEMP VIEW input AS SELECT 0 AS id, 0 AS device, 0.0 AS at, '' AS what, '' AS details WHERE 0"
)
NO_HOURS = (
    "CREATE TEMP VIEW hour (series, at, low, mean, high, seconds, kwh) AS SELECT 0, 0, 0, 0, 0, 0, 0 WHERE 0",
    "CREATE TEMP VIEW day (series, at, low, mean, high, seconds) AS SELECT 0, 0, 0, 0, 0, 0 WHERE 0",
    "CREATE TEMP VIEW recording (at, until, closed) AS SELECT 0, 0, 0 WHERE 0",
    "CREATE TEMP VIEW absence (device, at, until, why) AS SELECT 0, 0, 0, '' WHERE 0",
)
VIEWS = {1: (NO_REASONS, NO_INPUTS, *NO_HOURS), 2: (NO_INPUTS, *NO_HOURS), 3: NO_HOURS}
"""For each old version, what makes a reader see the columns and tables that it lacks."""
