#include "core/trace/database.h"

#include <stdio.h>
#include <string.h>

/* One of the 16 hexadecimal digits of a variable, the low byte first: its digit at place `at` of h,
 * shifted by `shift` bits.  instr gives 0 for '0', which is not in the list. */
#define DIGIT(at, shift) "(instr('123456789ABCDEF', substr(h, " #at ", 1)) << " #shift ")"

static const char schema_text[] =
    "PRAGMA application_id = 1382966356;" /* DATABASE_ID */
    "PRAGMA user_version = 3;"            /* DATABASE_VERSION */

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
    "CREATE TABLE blocks("
    " round INTEGER, block INTEGER, count INTEGER, cost REAL, variables BLOB,"
    " PRIMARY KEY(round, block)) WITHOUT ROWID;"
    "CREATE TABLE tasks("
    " round INTEGER, place INTEGER, phase INTEGER, tag INTEGER, work INTEGER, block INTEGER,"
    " shard INTEGER, worker INTEGER, sent_ns INTEGER, done_ns INTEGER, run_ns INTEGER,"
    " PRIMARY KEY(round, place)) WITHOUT ROWID;"
    "CREATE TABLE conflicts("
    " round INTEGER, place INTEGER, candidate INTEGER, other INTEGER, coupling REAL,"
    " other_round INTEGER, joined INTEGER, PRIMARY KEY(round, place)) WITHOUT ROWID;"
    "CREATE TABLE draws(round INTEGER PRIMARY KEY, count INTEGER, variables BLOB, weights BLOB);"
    "CREATE TABLE moves(round INTEGER PRIMARY KEY, count INTEGER, variables BLOB, deltas BLOB);"
    "CREATE TABLE parts("
    " kind TEXT, tag INTEGER, part INTEGER, axis TEXT, count INTEGER, members BLOB,"
    " PRIMARY KEY(kind, tag, part)) WITHOUT ROWID;"
    "CREATE TABLE cells(block INTEGER, shard INTEGER, cost REAL, PRIMARY KEY(block, shard))"
    " WITHOUT ROWID;"

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

    "CREATE VIEW block_variables AS"
    " WITH RECURSIVE places(position) AS (SELECT 0 UNION ALL SELECT position + 1 FROM places"
    " WHERE position + 1 < (SELECT max(count) FROM blocks)),"
    " hexes(round, block, position, h) AS (SELECT round, block, position,"
    " hex(substr(variables, 1 + position * (length(variables) / count),"
    " length(variables) / count)) || '00000000'"
    " FROM blocks JOIN places ON position < count WHERE variables IS NOT NULL)"
    " SELECT round, block, position, "
    DIGIT(2, 0) " + " DIGIT(1, 4) " + " DIGIT(4, 8) " + " DIGIT(3, 12) " + "
    DIGIT(6, 16) " + " DIGIT(5, 20) " + " DIGIT(8, 24) " + " DIGIT(7, 28) " + "
    DIGIT(10, 32) " + " DIGIT(9, 36) " + " DIGIT(12, 40) " + " DIGIT(11, 44) " + "
    DIGIT(14, 48) " + " DIGIT(13, 52) " + " DIGIT(16, 56) " + " DIGIT(15, 60)
    " AS variable FROM hexes;";

_Static_assert(DATABASE_ID == 1382966356 && DATABASE_VERSION == 3,
               "the numbers in the schema's text");

const char *const database_schema = schema_text;
const char *const database_round_tables[] = { "rounds", "reports", "blocks", "tasks", "conflicts",
                                               "draws", "moves", NULL };

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
