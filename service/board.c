#include "service/board.h"

#include "core/base/mem.h"
#include "service/exchange.h"
#include "service/portrait.h"

#include <string.h>

void board_init(struct board *board)
{
    *board = (struct board){ .jobs = NULL };
    pthread_mutex_init(&board->mutex, NULL);
}

void board_fini(struct board *board)
{
    sheet_drop(board->jobs);
    sheet_drop(board->workers);
    pthread_mutex_destroy(&board->mutex);
}

struct rows {
    struct jsonout out;
    struct http *http;
    int64_t told[BOARD_RUNNING + BOARD_CHANGED];
    int count;
};

static int put(void *context, const struct jobs_row *row)
{
    struct rows *rows = context;
    portrait_live(&rows->out, rows->http, row);
    rows->told[rows->count++] = row->id;
    return rows->out.failed ? RONDO_ENOMEM : RONDO_OK;
}

static bool was_told(const struct rows *rows, int64_t id)
{
    for (int i = 0; i < rows->count; i++)
        if (rows->told[i] == id)
            return true;
    return false;
}

/* The newest changes first; true: there are more than are told. */
static bool put_changed(struct rows *rows, const struct board *board)
{
    int64_t changed[JOBS_REMEMBERED];
    struct jobs *jobs = rows->http->desk.jobs;
    int count = jobs_changed(jobs, board->since, board->until, changed), most = rows->count + BOARD_CHANGED;
    for (int i = count - 1; i >= 0; i--) {
        if (was_told(rows, changed[i]))
            continue;
        if (rows->count == most || jobs_peek(jobs, changed[i], put, rows, NULL))
            return true;
    }
    return count < 0;
}

static void put_counts(struct jsonout *out, struct jobs *jobs)
{
    int64_t count[JOBS_CANCELLED + 1] = { 0 }, total = 0;
    jsonout_key(out, "counts");
    jsonout_open(out, '{');
    if (jobs_count(jobs, count, NULL))
        out->failed = true;
    for (int i = JOBS_QUEUED; i <= JOBS_CANCELLED; i++) {
        jsonout_integer_at(out, jobs_state_name((enum jobs_state)i), count[i]);
        total += count[i];
    }
    jsonout_close(out, '}');
    jsonout_integer_at(out, "total", total);
}

static struct sheet *draw_jobs(struct http *http, const struct board *board)
{
    struct rondo_buf json = { 0 };
    struct rows *rows = mem_calloc(1, sizeof *rows);
    if (!rows)
        return NULL;
    rows->http = http;
    rows->out = jsonout_begin(&json, false);
    jsonout_open(&rows->out, '{');
    put_counts(&rows->out, http->desk.jobs);
    jsonout_key(&rows->out, "jobs");
    jsonout_open(&rows->out, '[');
    int code = jobs_list(http->desk.jobs, JOBS_RUNNING, 0, BOARD_RUNNING, put, rows, NULL);
    bool more = put_changed(rows, board);
    jsonout_close(&rows->out, ']');
    jsonout_flag_at(&rows->out, "more", more);
    jsonout_close(&rows->out, '}');
    struct sheet *sheet = code || rows->out.failed ? NULL : sheet_make("jobs", &json);
    buf_fini(&json);
    mem_free(rows);
    return sheet;
}

struct sheet *board_jobs(struct http *http, int64_t second, int64_t *since)
{
    struct board *board = &http->board;
    int64_t until = jobs_changes(http->desk.jobs), from = *since < 0 ? until : *since;
    pthread_mutex_lock(&board->mutex);
    if (!board->jobs || board->jobs_second != second || board->since != from || board->until < until) {
        sheet_drop(board->jobs);
        board->since = from;
        board->until = until;
        board->jobs_second = second;
        board->jobs = draw_jobs(http, board);
    }
    struct sheet *sheet = board->jobs ? sheet_share(board->jobs) : NULL;
    if (sheet)
        *since = board->until;
    pthread_mutex_unlock(&board->mutex);
    return sheet;
}

static struct sheet *draw_workers(struct http *http)
{
    struct rondo_buf json = { 0 };
    struct jsonout out = jsonout_begin(&json, false);
    portrait_workers(&out, http);
    struct sheet *sheet = out.failed ? NULL : sheet_make("workers", &json);
    buf_fini(&json);
    return sheet;
}

struct sheet *board_workers(struct http *http, int64_t second)
{
    struct board *board = &http->board;
    pthread_mutex_lock(&board->mutex);
    if (!board->workers || board->workers_second != second) {
        sheet_drop(board->workers);
        board->workers_second = second;
        board->workers = draw_workers(http);
    }
    struct sheet *sheet = board->workers ? sheet_share(board->workers) : NULL;
    pthread_mutex_unlock(&board->mutex);
    return sheet;
}
