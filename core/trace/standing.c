/* standing.c - whether there is more to come: has the job ended, does it run, was it killed? */
#include "core/trace/query.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A connection in WAL mode holds this byte of the -shm file as long as it lives (SQLite's os_unix.c). */
enum { ALIVE_BYTE = 128 };

/* Whether another process has the file open.  The locks are looked up in the system's list: to ask by a file
 * of our own would, when that is closed, drop those that this process holds. */
static bool is_held(const struct trace_reader *reader)
{
    char path[sizeof reader->path + 8], line[256];
    struct stat info;
    snprintf(path, sizeof path, "%s-shm", reader->path);
    FILE *locks = stat(path, &info) == 0 ? fopen("/proc/locks", "re") : NULL;
    bool held = false;
    while (locks && !held && fgets(line, sizeof line, locks)) {
        long process = 0;
        uintmax_t inode = 0;
        long long first = -1;
        int found = sscanf(line, "%*d: POSIX %*s %*s %ld %*x:%*x:%ju %lld", &process, &inode, &first);
        held = found == 3 && process != (long)getpid() && inode == (uintmax_t)info.st_ino && first == ALIVE_BYTE;
    }
    if (locks)
        fclose(locks);
    return held;
}

static int ask(struct trace_reader *reader, const char *sql, char *word, size_t size, struct rondo_error *err)
{
    struct query query;
    int code = query_ask(&query, reader, sql, (struct reader_window){ 0 }, err);
    word[0] = 0;
    if (query_next(&query, &code, err))
        snprintf(word, size, "%s", query_text(&query, 0));
    query_done(&query);
    return code;
}

/* A job that ends says so, and its file leaves WAL mode; where it did not say, the mode tells. */
int reader_standing(struct trace_reader *reader, const char **standing, struct rondo_error *err)
{
    char said[32], mode[32];
    int code = ask(reader, "SELECT value FROM meta WHERE key = 'state'", said, sizeof said, err);
    if (!code)
        code = ask(reader, "PRAGMA journal_mode", mode, sizeof mode, err);
    if (code)
        return code;
    bool ended = said[0] ? strcmp(said, "running") != 0 : strcmp(mode, "wal") != 0;
    *standing = ended ? "ended" : is_held(reader) ? "running" : "killed";
    return RONDO_OK;
}
