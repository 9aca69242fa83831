/* ratings.c - how fast a text of ratings becomes a matrix, beside the same bytes read and their lines counted.
 *
 *     bench/ratings FILE [TIMES]
 *
 * The least of so many times, with one thread and with all.  Says MB/s of the text as it lies, the ratio of
 * both times, and the peak of memory beside the matrix, of the process and so of all loads. */
#include "core/base/clock.h"
#include "core/base/each.h"
#include "core/base/mem.h"
#include "core/data/ratings.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 20, BATCH = 4 << 20 };

static const struct data_options wanted = { .index_base = 1, .ratings = true };

/* Seconds; *lines and *bytes of the file. */
static double count(const char *path, int64_t *lines, int64_t *bytes)
{
    static char text[PIECE];
    int64_t began_ns = clock_now_ns();
    int fd = open(path, O_RDONLY);
    *lines = *bytes = 0;
    for (ssize_t size; fd >= 0 && (size = read(fd, text, PIECE)) > 0; *bytes += size)
        for (const char *at = text; (at = memchr(at, '\n', (size_t)(text + size - at))); at++)
            ++*lines;
    if (fd >= 0)
        close(fd);
    return (double)(clock_now_ns() - began_ns) * 1e-9;
}

static double load(const char *path, int32_t threads, struct data_set *set)
{
    struct stream s;
    struct rondo_error err = { 0 };
    int64_t began_ns = clock_now_ns();
    int code = stream_open(&s, path, &err);
    *set = (struct data_set){ .ids = NULL };
    if (!code) {
        code = ratings_load_by(&s, &wanted, threads, BATCH, set, &err);
        stream_close(&s);
    }
    double seconds = (double)(clock_now_ns() - began_ns) * 1e-9;
    if (code) {
        fprintf(stderr, "ratings: %s: %s\n", err.where, err.what);
        exit(2);
    }
    return seconds;
}

static void drop(struct data_set *set)
{
    mem_free((void *)(uintptr_t)set->x.colptr);
    mem_free((void *)(uintptr_t)set->x.rowidx);
    mem_free((void *)(uintptr_t)set->x.values);
    mem_free(set->ids);
}

int main(int argc, char **argv)
{
    int times = argc > 2 ? atoi(argv[2]) : 5;
    if (argc < 2 || argc > 3 || times < 1) {
        fprintf(stderr, "usage: ratings FILE [TIMES]\n");
        return 2;
    }
    int32_t threads[] = { 1, each_threads() };
    double least[3] = { 1e9, 1e9, 1e9 };
    int64_t lines, bytes, matrix = 0, nnz = 0;
    for (int turn = 0; turn < times; turn++) {
        double seconds = count(argv[1], &lines, &bytes);
        least[2] = seconds < least[2] ? seconds : least[2];
        for (int t = 0; t < 2; t++) {
            struct data_set set;
            seconds = load(argv[1], threads[t], &set);
            least[t] = seconds < least[t] ? seconds : least[t];
            matrix = (int64_t)set.x.bytes;
            nnz = set.x.nnz;
            drop(&set);
        }
    }
    printf("%lld lines, %.1f MB, %lld ratings, the matrix %.1f MB, peak %.1f MB\n", (long long)lines,
           (double)bytes * 1e-6, (long long)nnz, (double)matrix * 1e-6, (double)mem_peak_rss_bytes() * 1e-6);
    printf("lines counted %.4f s, %.0f MB/s\n", least[2], (double)bytes * 1e-6 / least[2]);
    for (int t = 0; t < 2; t++)
        printf("%d thread%s %.4f s, %.0f MB/s, %.1f ns a line, %.1f times the count\n", threads[t],
               threads[t] > 1 ? "s" : "", least[t], (double)bytes * 1e-6 / least[t],
               least[t] * 1e9 / (double)lines, least[t] / least[2]);
    return 0;
}
