"""
Names that ES|QL knows: commands and functions, as its public reference documents them up to 9.6.

Folders `commands/` and `functions-operators/` of elastic.co/docs/reference/query-languages/esql, read in November
2026, previews included. An unknown command is an error, because Kibana drops it and the rule then matches everything
(users.md finding 3). An unknown function is a warning only: the list grows with every release.
"""

from __future__ import annotations

SOURCES = frozenset({"FROM", "TS", "ROW", "SHOW", "PROMQL"})
"""Commands that begin a query, or a subquery."""

COMMANDS = frozenset(
    {
        *("BOTTOMK", "CHANGE_POINT", "COMPLETION", "DEDUP", "DENSE_VECTOR", "DISSECT", "DROP", "ENRICH", "EVAL"),
        *("FORK", "FUSE", "GROK", "HIGHLIGHT", "INLINE", "INLINESTATS", "IP_LOCATION", "KEEP", "LIMIT", "LIMITK"),
        *("LOOKUP", "METRICS_INFO", "MMR", "MV_EXPAND", "REGISTERED_DOMAIN", "RENAME", "RERANK", "SAMPLE", "SORT"),
        *("STATS", "TOPK", "TS_COLLAPSE", "TS_INFO", "URI_PARTS", "USER_AGENT", "WHERE"),
    }
)
"""Commands after a pipe. LOOKUP continues with JOIN, INLINE with STATS."""

SECOND_WORDS = {"LOOKUP": "JOIN", "INLINE": "STATS"}

RESERVED = frozenset(
    {
        *("AND", "ASC", "BY", "DESC", "FALSE", "FIRST", "IN", "IS", "LAST", "LIKE", "NOT", "NULL", "NULLS", "ON", "OR"),
        *("RLIKE", "TRUE", "WHERE", "WITH"),
    }
)
"""
Words that are no part of a column in an expression unless they are in backticks, as in `system.network.in.bytes`.
Not in the reference; found by asking a parser of the language, word by word.
"""

TIME_UNITS = frozenset(
    {
        *("ms", "millisecond", "milliseconds", "s", "sec", "second", "seconds", "m", "min", "minute", "minutes"),
        *("h", "hour", "hours", "d", "day", "days", "w", "week", "weeks", "mo", "month", "months"),
        *("q", "quarter", "quarters", "y", "yr", "year", "years"),
    }
)

MAY_BE_CALLED_WITHOUT_ARGUMENTS = frozenset({"COUNT", "E", "NOW", "PI", "TAU", "WITHOUT"})
"""Functions whose reference shows a call with empty brackets."""

FUNCTIONS = frozenset(
    {
        # aggregation, grouping, time series
        *("ABSENT", "AVG", "COUNT", "COUNT_DISTINCT", "EARLIEST", "FIRST", "LAST", "LATEST", "MAX", "MEDIAN"),
        *("MEDIAN_ABSOLUTE_DEVIATION", "MIN", "PERCENTILE", "PRESENT", "SAMPLE", "SPARKLINE", "ST_CENTROID_AGG"),
        *("ST_EXTENT_AGG", "STD_DEV", "SUM", "TOP", "VALUES", "VARIANCE", "WEIGHTED_AVG", "ALL_FIRST", "ALL_LAST"),
        *("BUCKET", "CATEGORIZE", "TBUCKET", "WITHOUT"),
        *("ABSENT_OVER_TIME", "AVG_OVER_TIME", "COUNT_DISTINCT_OVER_TIME", "COUNT_OVER_TIME", "DELTA", "DERIV"),
        *("FIRST_OVER_TIME", "IDELTA", "INCREASE", "IRATE", "LAST_OVER_TIME", "MAX_OVER_TIME", "MIN_OVER_TIME"),
        *("PERCENTILE_OVER_TIME", "PRESENT_OVER_TIME", "RATE", "STDDEV_OVER_TIME", "SUM_OVER_TIME"),
        "VARIANCE_OVER_TIME",
        # conditions, dates, addresses, search, vectors
        *("CASE", "CLAMP", "CLAMP_MAX", "CLAMP_MIN", "COALESCE", "GREATEST", "LEAST"),
        *("DATE_DIFF", "DATE_EXTRACT", "DATE_FORMAT", "DATE_PARSE", "DATE_TRUNC", "DATE_UNIT_COUNT", "DAY", "DAY_NAME"),
        *("DAYS_IN_MONTH", "HOUR", "MONTH", "MONTH_NAME", "NOW", "RANGE_CONTAINS", "RANGE_INTERSECTS", "RANGE_MAX"),
        *("RANGE_MIN", "RANGE_WITHIN", "IN_RANGE", "TRANGE", "YEAR", "CIDR_MATCH", "IP_PREFIX"),
        *("DECAY", "KQL", "MATCH", "MATCH_PHRASE", "MULTI_MATCH", "QSTR", "SCORE", "TERM", "TOP_SNIPPETS"),
        *("EXTRACT_SNIPPETS", "EMBEDDING", "KNN", "TEXT_EMBEDDING", "V_COSINE", "V_DOT_PRODUCT", "V_HAMMING"),
        *("V_L1_NORM", "V_L2_NORM", "V_MAGNITUDE"),
        # mathematics
        *(
            "ABS",
            "ACOS",
            "ACOSH",
            "ASIN",
            "ASINH",
            "ATAN",
            "ATAN2",
            "ATANH",
            "CBRT",
            "CEIL",
            "COPY_SIGN",
            "COS",
            "COSH",
        ),
        *("E", "EXP", "FLOOR", "HYPOT", "LOG", "LOG10", "PI", "POW", "ROUND", "ROUND_TO", "SCALB", "SIGNUM", "SIN"),
        *("SINH", "SQRT", "TAN", "TANH", "TAU"),
        # many values
        *("MV_APPEND", "MV_AVG", "MV_CONCAT", "MV_CONTAINS", "MV_CONTAINS_ALL", "MV_COUNT", "MV_DEDUPE"),
        *("MV_DIFFERENCE", "MV_FIRST", "MV_GREATER", "MV_IN_RANGE", "MV_INTERSECTION", "MV_INTERSECTS", "MV_LAST"),
        *("MV_LESS", "MV_LIKE", "MV_MAX", "MV_MEDIAN", "MV_MEDIAN_ABSOLUTE_DEVIATION", "MV_MIN", "MV_PERCENTILE"),
        *("MV_PSERIES_WEIGHTED_SUM", "MV_RLIKE", "MV_SLICE", "MV_SORT", "MV_SUM", "MV_UNION", "MV_ZIP"),
        # space
        *("ST_BUFFER", "ST_CONTAINS", "ST_DIFFERENCE", "ST_DIMENSION", "ST_DISJOINT", "ST_DISTANCE", "ST_ENVELOPE"),
        *("ST_GEOHASH", "ST_GEOHASH_TO_GEOSHAPE", "ST_GEOHASH_TO_LONG", "ST_GEOHASH_TO_STRING", "ST_GEOHEX"),
        *("ST_GEOHEX_TO_GEOSHAPE", "ST_GEOHEX_TO_LONG", "ST_GEOHEX_TO_STRING", "ST_GEOMETRYTYPE", "ST_GEOTILE"),
        *("ST_GEOTILE_TO_GEOSHAPE", "ST_GEOTILE_TO_LONG", "ST_GEOTILE_TO_STRING", "ST_INTERSECTION", "ST_INTERSECTS"),
        *("ST_ISEMPTY", "ST_NPOINTS", "ST_SIMPLIFY", "ST_SIMPLIFYPRESERVETOPOLOGY", "ST_SYMDIFFERENCE", "ST_UNION"),
        *("ST_WITHIN", "ST_X", "ST_XMAX", "ST_XMIN", "ST_Y", "ST_YMAX", "ST_YMIN"),
        # strings
        *("BIT_LENGTH", "BYTE_LENGTH", "CHUNK", "CONCAT", "CONTAINS", "ENDS_WITH", "FIELD_EXTRACT", "FMT_BYTES"),
        *("FMT_BYTES_SI", "FMT_DURATION", "FMT_PERCENT", "FROM_BASE64", "HASH", "JSON_EXTRACT", "JSON_STRING", "LEFT"),
        *("LENGTH", "LOCATE", "LTRIM", "MD5", "REPEAT", "REPLACE", "REVERSE", "RIGHT", "RTRIM", "SHA1", "SHA256"),
        *("SPACE", "SPLIT", "STARTS_WITH", "SUBSTRING", "TO_ASCII", "TO_BASE64", "TO_LOWER", "TO_UPPER", "TRIM"),
        *("URL_DECODE", "URL_ENCODE", "URL_ENCODE_COMPONENT"),
        # conversion
        *("TO_AGGREGATE_METRIC_DOUBLE", "TO_BOOL", "TO_BOOLEAN", "TO_CARTESIANPOINT", "TO_CARTESIANSHAPE"),
        *("TO_COUNTER", "TO_DATEPERIOD", "TO_DATETIME", "TO_DATE_NANOS", "TO_DATE_RANGE", "TO_DBL", "TO_DEGREES"),
        *("TO_DENSE_VECTOR", "TO_DOUBLE", "TO_DOUBLE_RANGE", "TO_DT", "TO_EXPONENTIAL_HISTOGRAM", "TO_GAUGE"),
        *("TO_GEOHASH", "TO_GEOHEX", "TO_GEOPOINT", "TO_GEOSHAPE", "TO_GEOTILE", "TO_INT", "TO_INTEGER", "TO_IP"),
        *("TO_LONG", "TO_RADIANS", "TO_RANGE", "TO_STR", "TO_STRING", "TO_TDIGEST", "TO_TEXT", "TO_TIMEDURATION"),
        *("TO_UL", "TO_ULONG", "TO_UNSIGNED_LONG", "TO_VER", "TO_VERSION"),
    }
)
