#include "core/trace/database.h"

#include <stdio.h>
#include <string.h>

#define OCTETS \
    "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F" \
    "303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F" \
    "606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F" \
    "909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBF" \
    "C0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEF" \
    "F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF"

/* How views read lists: the expressions that SQL would call functions.  `list` is a column, `count` how many numbers it
 * has, `i` the one that is wanted, from 0.  instr finds a byte among all 256, of which octets has one row; the byte at
 * place k of number i in a list of that width, the lowest being 1: */
#define BYTE(list, width, i, k) "(instr(bytes, substr(" list ", " #width " * " i " + " #k ", 1)) - 1)"
#define SIGNED_BYTE(list, width, i, k) "((" BYTE(list, width, i, k) " + 128 & 255) - 128)"
#define UP(byte, bits) " | (" byte " << " #bits ")"
#define BYTES_2(list, w, i) BYTE(list, w, i, 1)
#define BYTES_4(list, w, i) BYTES_2(list, w, i) UP(BYTE(list, w, i, 2), 8) UP(BYTE(list, w, i, 3), 16)
#define BYTES_6(list, w, i) BYTES_4(list, w, i) UP(BYTE(list, w, i, 4), 24) UP(BYTE(list, w, i, 5), 32) \
    UP(BYTE(list, w, i, 6), 40)
#define WHOLE(list, count, i) \
    "CASE typeof(" list ") WHEN 'blob' THEN CASE length(" list ") / " count \
    " WHEN 1 THEN " SIGNED_BYTE(list, 1, i, 1) \
    " WHEN 2 THEN " BYTES_2(list, 2, i) UP(SIGNED_BYTE(list, 2, i, 2), 8) \
    " WHEN 4 THEN " BYTES_4(list, 4, i) UP(SIGNED_BYTE(list, 4, i, 4), 24) \
    " ELSE " BYTES_6(list, 8, i) UP(BYTE(list, 8, i, 7), 48) UP(SIGNED_BYTE(list, 8, i, 8), 56) \
    " END ELSE " list " END"

/* A double of sign s, exponent e and mantissa m is (-1)^s (m + 2^52) 2^(e - 1075), and (-1)^s m 2^-1074 where e is 0:
 * places has these powers at e.  Of e 2047 it is an infinity, as 2^52 2^972 is, or (m > 0) no number. */
#define EXPONENT(list, i) "(" BYTE(list, 8, i, 7) " >> 4 | ((" BYTE(list, 8, i, 8) " & 127) << 4))"
#define MANTISSA(list, i) "(" BYTES_6(list, 8, i) " | ((" BYTE(list, 8, i, 7) " & 15) << 48))"
#define REAL(list, i) \
    "CASE WHEN typeof(" list ") <> 'blob' THEN " list \
    " WHEN " EXPONENT(list, i) " = 2047 AND " MANTISSA(list, i) " > 0 THEN NULL" \
    " ELSE CASE WHEN " BYTE(list, 8, i, 8) " > 127 THEN -1.0 ELSE 1.0 END * ((" MANTISSA(list, i) \
    " + CASE " EXPONENT(list, i) " WHEN 0 THEN 0 ELSE 4503599627370496 END)" \
    " * (SELECT power FROM places WHERE place = " EXPONENT(list, i) ")) END"

/* The rows of `table`, once for each of `count` numbers, of which it is i: by two digits of 2048. */
#define EACH(table, count) \
    " FROM (SELECT *, 2048 * h.place + l.place AS i FROM " table " CROSS JOIN octets" \
    " CROSS JOIN places h ON h.place <= (" count " - 1) / 2048" \
    " CROSS JOIN places l ON l.place < " count " - 2048 * h.place)"

#define BLOCK(list) WHOLE("block_" list, "blocks", "i")
#define TASK(list) WHOLE("task_" list, "tasks", "i")
#define CONFLICT(list) WHOLE("conflict_" list, "conflicts", "i")
#define WIDTH "length(variable) / variables"

static const char schema_text[] =
    "PRAGMA application_id = 1382966356;" /* DATABASE_ID */
    "PRAGMA user_version = 4;"            /* DATABASE_VERSION */

    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
    "CREATE TABLE rounds("
    " round INTEGER PRIMARY KEY, kind TEXT, phases INTEGER, blocks INTEGER, staleness INTEGER,"
    " wanted INTEGER, drawn INTEGER, refused INTEGER, taken INTEGER, joined INTEGER, updates INTEGER,"
    " pairs_needed INTEGER, pairs_computed INTEGER, coupled_pairs INTEGER,"
    " weight_sum REAL, weight_taken REAL, cost_max REAL, cost_mean REAL, objective REAL,"
    " plan_ns INTEGER, push_ns INTEGER, commit_ns INTEGER,"
    " run_ns INTEGER, pull_ns INTEGER, network_ns INTEGER, couple_ns INTEGER,"
    " begin_ns INTEGER, end_ns INTEGER, note TEXT);"
    "CREATE TABLE reports("
    " round INTEGER, place INTEGER, at_ns INTEGER, key TEXT, value REAL,"
    " PRIMARY KEY(round, place)) WITHOUT ROWID;"
    "CREATE TABLE details("
    " round INTEGER PRIMARY KEY, begin_ns INTEGER, blocks INTEGER, variables INTEGER, tasks INTEGER,"
    " conflicts INTEGER, draws INTEGER, moves INTEGER,"
    " block_number BLOB, block_count BLOB, block_first BLOB, block_cost BLOB, variable BLOB,"
    " task_sent BLOB, task_took BLOB, task_run BLOB, task_phase BLOB, task_tag BLOB, task_work BLOB,"
    " task_block BLOB, task_shard BLOB, task_worker BLOB,"
    " conflict_candidate BLOB, conflict_other BLOB, conflict_back BLOB, conflict_joined BLOB, conflict_coupling BLOB,"
    " draw_variable BLOB, draw_weight BLOB, move_variable BLOB, move_delta BLOB);"
    "CREATE TABLE parts("
    " kind TEXT, tag INTEGER, part INTEGER, axis TEXT, count INTEGER, members BLOB,"
    " PRIMARY KEY(kind, tag, part)) WITHOUT ROWID;"
    "CREATE TABLE cells(block INTEGER, shard INTEGER, cost REAL, PRIMARY KEY(block, shard))"
    " WITHOUT ROWID;"

    /* what views read lists with */
    "CREATE TABLE octets(bytes BLOB);"
    "INSERT INTO octets VALUES (x'" OCTETS "');"
    "CREATE TABLE places(place INTEGER PRIMARY KEY, power REAL);"
    "INSERT INTO places WITH RECURSIVE"
    " less(place, power) AS (SELECT 1075, 1.0 UNION ALL SELECT place - 1, power / 2 FROM less WHERE place > 1),"
    " more(place, power) AS (SELECT 1076, 2.0 UNION ALL SELECT place + 1, power * 2 FROM more WHERE place < 2047)"
    " SELECT * FROM less UNION ALL SELECT * FROM more UNION ALL SELECT 0, min(power) FROM less;"

    "CREATE VIEW blocks AS SELECT round, " BLOCK("number") " AS block, " BLOCK("count") " AS count, "
    REAL("block_cost", "i") " AS cost, CASE WHEN (" BLOCK("first") ") >= 0 THEN coalesce(substr(variable,"
    " 1 + " WIDTH " * (" BLOCK("first") "), " WIDTH " * (" BLOCK("count") ")), x'') END AS variables" EACH("details", "blocks") ";"
    "CREATE VIEW tasks AS SELECT round, i AS place, " TASK("phase") " AS phase, " TASK("tag") " AS tag, "
    TASK("work") " AS work, " TASK("block") " AS block, " TASK("shard") " AS shard, " TASK("worker") " AS worker,"
    " begin_ns + " TASK("sent") " AS sent_ns, begin_ns + " TASK("sent") " + " TASK("took") " AS done_ns, "
    TASK("run") " AS run_ns" EACH("details", "tasks") ";"
    "CREATE VIEW conflicts AS SELECT round, i AS place, " CONFLICT("candidate") " AS candidate, "
    CONFLICT("other") " AS other, " REAL("conflict_coupling", "i") " AS coupling,"
    " round - " CONFLICT("back") " AS other_round, " CONFLICT("joined") " AS joined" EACH("details", "conflicts") ";"
    "CREATE VIEW draws AS SELECT round, draws AS count, draw_variable AS variables, draw_weight AS weights"
    " FROM details WHERE draws > 0;"
    "CREATE VIEW moves AS SELECT round, moves AS count, move_variable AS variables, move_delta AS deltas"
    " FROM details WHERE moves > 0;"

    /* those of plans by the tasks of their first phase */
    "CREATE VIEW round_blocks AS SELECT round, block, -1 AS shard, count, cost FROM blocks"
    " UNION ALL SELECT t.round, t.block, t.shard, 0, coalesce(c.cost, 0) FROM tasks t"
    " JOIN rounds r ON r.round = t.round LEFT JOIN cells c ON c.block = t.block AND c.shard = t.shard"
    " WHERE r.kind = 'plan' AND t.phase = 0 AND t.work IN (0, 2);"
    "CREATE VIEW round_objectives AS SELECT round, lag(objective) OVER (ORDER BY round) AS before,"
    " objective AS after FROM rounds;"

    "CREATE VIEW round_ratios AS SELECT round, kind,"
    " taken * 1.0 / nullif(wanted, 0) AS fill_ratio,"
    " cost_max / nullif(cost_mean, 0) AS imbalance_ratio,"
    " 1.0 - pairs_computed * 1.0 / nullif(pairs_needed, 0) AS hit_ratio,"
    " weight_taken / nullif(weight_sum, 0) AS weight_ratio,"
    " (end_ns - begin_ns) / 1e6 AS total_ms, objective FROM rounds;"

    "CREATE VIEW kind_totals AS SELECT kind, count(*) AS rounds, sum(wanted) AS wanted,"
    " sum(drawn) AS drawn, sum(refused) AS refused, sum(taken) AS taken, sum(updates) AS updates,"
    " sum(pairs_needed) AS pairs_needed, sum(pairs_computed) AS pairs_computed,"
    " sum(plan_ns) / 1e9 AS plan_s, sum(push_ns) / 1e9 AS push_s,"
    " sum(run_ns) / 1e9 AS run_s, sum(pull_ns) / 1e9 AS pull_s, sum(network_ns) / 1e9 AS network_s,"
    " sum(commit_ns) / 1e9 AS commit_s, sum(couple_ns) / 1e9 AS couple_s"
    " FROM rounds GROUP BY kind;"

    "CREATE VIEW note_totals AS SELECT note, count(*) AS rounds, min(round) AS first_round,"
    " max(round) AS last_round FROM rounds WHERE note <> '' GROUP BY note;"

    /* busy: the union of a worker's tasks in time, by what each adds to those sent before it */
    "CREATE VIEW worker_totals AS SELECT worker, count(*) AS tasks,"
    " count(DISTINCT round) AS rounds,"
    " sum(max(0, done_ns - max(sent_ns, before_ns))) / 1e9 AS busy_s, sum(run_ns) / 1e9 AS run_s,"
    " avg(done_ns - sent_ns) / 1e6 AS mean_ms, max(done_ns - sent_ns) / 1e6 AS longest_ms"
    " FROM (SELECT *, coalesce(max(done_ns) OVER (PARTITION BY worker ORDER BY sent_ns, round, place"
    " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), sent_ns) AS before_ns FROM tasks)"
    " GROUP BY worker;"

    "CREATE VIEW conflict_pairs AS SELECT candidate, other, count(*) AS times, sum(joined) AS joined,"
    " max(abs(coupling)) AS coupling, min(round) AS first_round, max(round) AS last_round"
    " FROM conflicts GROUP BY candidate, other;"

    "CREATE VIEW block_variables AS SELECT round, block, i AS position, " WHOLE("variables", "count", "i") " AS variable"
    EACH("blocks", "count") " WHERE variables IS NOT NULL;";

_Static_assert(DATABASE_ID == 1382966356 && DATABASE_VERSION == 4,
               "the numbers in the schema's text");

const char *const database_schema = schema_text;
const char *const database_round_tables[] = { "rounds", "reports", "details", NULL };

int database_integer(sqlite3 *db, const char *sql, int64_t *value)
{
    sqlite3_stmt *statement = NULL;
    *value = 0;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc != SQLITE_OK)
        return rc;
    if (sqlite3_step(statement) == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    return sqlite3_finalize(statement);
}

int database_identify(sqlite3 *db, enum database_kind *kind, int64_t *version)
{
    int64_t id = 0, objects = 0;
    *kind = DATABASE_FOREIGN;
    int rc = database_integer(db, "PRAGMA application_id", &id);
    if (rc == SQLITE_OK)
        rc = database_integer(db, "PRAGMA user_version", version);
    if (rc == SQLITE_OK)
        rc = database_integer(db, "SELECT count(*) FROM sqlite_master", &objects);
    if (rc != SQLITE_OK)
        return rc;
    if (id == DATABASE_ID)
        *kind = *version == DATABASE_VERSION ? DATABASE_OURS : DATABASE_OTHER_VERSION;
    else if (id == 0 && objects == 0)
        *kind = DATABASE_EMPTY;
    return SQLITE_OK;
}

void database_reason(sqlite3 *db, char words[DATABASE_WORDS])
{
    int kind = sqlite3_errcode(db) & 0xff;
    int reason = kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN ? sqlite3_system_errno(db) : 0;
    snprintf(words, DATABASE_WORDS, "%s%s%s", sqlite3_errmsg(db), reason ? ": " : "",
             reason ? strerror(reason) : "");
}
