/* progress.c - the job's state is read before its file: when it had ended by then, the file is complete. */
#include "service/progress.h"

#include "core/base/mem.h"
#include "service/jobdir.h"
#include "service/reply.h"

#include <unistd.h>

#define LINES "application/jsonl"

struct progress {
    struct trail trail;
    int64_t offset;
};

static int note_state(void *context, const struct jobs_row *row)
{
    *(bool *)context = row->state >= JOBS_COMPLETED;
    return 0;
}

static bool has_ended(const struct trail *trail)
{
    bool ended = false;
    int code = jobs_peek(trail->http->desk.jobs, trail->id, note_state, &ended, NULL);
    return !code && ended;
}

/* Whole lines as far as they fit; where the job has ended, or a line is longer than that, what there
 * is.  A file that became shorter is that of a run that began anew. */
static size_t read_on(struct progress *progress, char *bytes, size_t size, bool ended)
{
    int64_t there;
    const struct trail *trail = &progress->trail;
    int file = jobdir_open(trail->http->desk.state_dir, trail->id, JOBDIR_PROGRESS, &there);
    if (file < 0)
        return 0;
    if (there < progress->offset)
        progress->offset = 0;
    ssize_t got = pread(file, bytes, size, progress->offset);
    close(file);
    ssize_t whole = got;
    while (whole > 0 && bytes[whole - 1] != '\n')
        whole--;
    if (whole <= 0 && got > 0 && (ended || (size_t)got == size))
        whole = got;
    progress->offset += whole > 0 ? whole : 0;
    return whole > 0 ? (size_t)whole : 0;
}

static size_t give(struct trail *trail, char *bytes, size_t size, bool *over)
{
    bool ended = has_ended(trail);
    size_t got = read_on((struct progress *)trail, bytes, size, ended);
    *over = ended && got == 0;
    return got;
}

static void forget(struct trail *trail)
{
    mem_free(trail);
}

static void serve_file(struct exchange *exchange, int64_t from)
{
    int64_t size;
    int file = jobdir_open(exchange->http->desk.state_dir, exchange->id, JOBDIR_PROGRESS, &size);
    from = from < size ? from : size;
    reply_file(exchange, file, from, size - from, LINES);
}

void progress_serve(struct exchange *exchange, int64_t from, bool follow)
{
    static const struct trail_kind kind = { LINES, true, give, forget };
    if (!follow) {
        serve_file(exchange, from);
        return;
    }
    struct progress *progress = mem_calloc(1, sizeof *progress);
    if (progress)
        *progress = (struct progress){ .trail = { .kind = &kind, .id = exchange->id }, .offset = from };
    trail_follow(exchange, progress ? &progress->trail : NULL);
}
