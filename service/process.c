#include "service/process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void look_at_memory(struct process *process)
{
    FILE *stream = fopen("/proc/self/statm", "re");
    int64_t page = sysconf(_SC_PAGESIZE), virtual = 0, resident = 0;
    if (stream && fscanf(stream, "%" SCNd64 " %" SCNd64, &virtual, &resident) == 2) {
        process->virtual_bytes = virtual * page;
        process->resident_bytes = resident * page;
    }
    if (stream)
        fclose(stream);
}

/* Ticks from the machine's beginning to the process's: the 22nd word of its stat, the 20th behind its name. */
static double begun_ticks(void)
{
    char text[1024] = "";
    FILE *stream = fopen("/proc/self/stat", "re");
    size_t got = stream ? fread(text, 1, sizeof text - 1, stream) : 0;
    if (stream)
        fclose(stream);
    text[got] = 0;
    const char *at = strrchr(text, ')');
    double ticks = 0;
    for (int i = 0; at && i < 20; i++)
        at = strchr(at + 1, ' ');
    return at && sscanf(at, " %lf", &ticks) == 1 ? ticks : 0;
}

static double machine_began(void)
{
    char line[256];
    double seconds = 0;
    FILE *stream = fopen("/proc/stat", "re");
    while (stream && fgets(line, sizeof line, stream))
        if (sscanf(line, "btime %lf", &seconds) == 1)
            break;
    if (stream)
        fclose(stream);
    return seconds;
}

static int64_t count_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int64_t count = 0;
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count > 3 ? count - 3 : 0; /* "." and "..", and the folder itself */
}

struct process process_look(void)
{
    struct process process = { .open_files = count_files() };
    struct timespec spent = { 0 };
    struct rlimit limit = { 0 };
    look_at_memory(&process);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    process.cpu_seconds = (double)spent.tv_sec + (double)spent.tv_nsec * 1e-9;
    process.began_seconds = machine_began() + begun_ticks() / (double)sysconf(_SC_CLK_TCK);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        process.most_files = limit.rlim_cur < INT64_MAX ? (int64_t)limit.rlim_cur : INT64_MAX;
    return process;
}
