#include "core/job/keys.h"

#include "core/job/job.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define INT32_TOP 2147483647.0
#define INT53_TOP 9007199254740991.0

/* In the order in which a person writes them. */
static const struct rondo_param keys[] = {
    { "version", RONDO_INTEGER, NULL, KEYS_VERSION, KEYS_VERSION, false, NULL, "",
      "the version of the spec's format" },
    { "name", RONDO_TEXT, NULL, NAN, NAN, false, NULL, "",
      "a name for people, kept in result.json" },
    { "app", RONDO_TEXT, NULL, NAN, NAN, false, NULL, "",
      "the model to fit; rondo apps lists them" },
    { "data.index_base", RONDO_INTEGER, "1", 0, 1, false, NULL, "",
      "svmlight files: the index of the first column" },
    { "data.covariate_names", RONDO_TEXT, NULL, NAN, NAN, false, NULL, "",
      "genotypes: which columns of the table under /data/covariates, by name or number, with "
      "commas; else all" },
    { "data.phenotype", RONDO_TEXT, NULL, NAN, NAN, false, NULL, "",
      "genotypes: which column of the table under /data/y is y, by its name or number" },
    { "schedule.priority.rule", RONDO_CHOICE, "gradient", NAN, NAN, false,
      "gradient|delta|uniform|cyclic", "",
      "how variables are weighed: violation of optimality, last change squared, evenly, in turn" },
    { "schedule.priority.eta", RONDO_REAL, NULL, 0, NAN, false, NULL, "",
      "added to each weight; when absent 1e-6 for delta, else 0" },
    { "schedule.dependency.check", RONDO_CHOICE, "correlation", NAN, NAN, false, "correlation|none",
      "", "how two variables are found to be coupled" },
    { "schedule.dependency.threshold", RONDO_REAL, "0.1", 0, 1, false, NULL, "",
      "a coupling above this is never left to two blocks of one round" },
    { "schedule.dependency.coupled", RONDO_CHOICE, "solve", NAN, NAN, false, "solve|group|drop", "",
      "coupled variables: solved jointly in one block, one after the other in it, or refused" },
    { "schedule.blocks", RONDO_INTEGER, "8", 1, 65536, false, NULL, "", "blocks in a round" },
    { "schedule.block_size", RONDO_INTEGER, "1024", 1, 1048576, false, NULL, "variables",
      "most variables in one block" },
    { "schedule.candidates", RONDO_INTEGER, "4096", 1, INT32_TOP, false, NULL, "variables",
      "variables drawn for a round before the dependency check" },
    { "schedule.pipeline", RONDO_INTEGER, "1", 1, 64, false, NULL, "rounds",
      "rounds planned or in flight; 1 means no overlap" },
    { "schedule.sync", RONDO_CHOICE, "bsp", NAN, NAN, false, "bsp", "",
      "when a round's changes are seen; bsp: by the next round" },
    { "schedule.staleness", RONDO_INTEGER, "0", 0, 63, false, NULL, "rounds",
      "how far a worker may lag; only 0 in this version" },
    { "workers.count", RONDO_INTEGER, NULL, 1, 1024, false, NULL, "",
      "workers; when absent as many as there are cores; never changes a result" },
    { "workers.threads", RONDO_INTEGER, "1", 1, 1024, false, NULL, "", "threads of one worker; rondo run has count times threads" },
    { "workers.device", RONDO_CHOICE, "cpu", NAN, NAN, false, "cpu", "", "where blocks are run" },
    { "workers.isa", RONDO_CHOICE, "auto", NAN, NAN, false,
      "auto|x86-64-v2|x86-64-v3|x86-64-v4", "",
      "the instruction set of the kernels; auto: the best that this machine has" },
    { "stop.rounds", RONDO_INTEGER, "1000000", 1, INT53_TOP, false, NULL, "rounds",
      "stop after so many rounds" },
    { "stop.seconds", RONDO_REAL, NULL, 0, NAN, true, NULL, "s", "stop after so long a solve" },
    { "seed", RONDO_INTEGER, "1", 0, INT53_TOP, false, NULL, "",
      "where all random numbers of the job come from" },
    { "checkpoint.seconds", RONDO_REAL, "30", 0, NAN, true, NULL, "s",
      "the time between checkpoints" },
    { "checkpoint.snapshot_rounds", RONDO_INTEGER, "1000", 1, INT53_TOP, false, NULL, "rounds",
      "most rounds between two whole snapshots of the state" },
    { "limits.memory", RONDO_TEXT, "1GiB", NAN, NAN, false, NULL, "bytes",
      "for caches and copies beside the data: a number with KiB, MiB, GiB, TiB, KB, MB, GB or "
      "none" },
    { "limits.resident", RONDO_TEXT, NULL, NAN, NAN, false, NULL, "bytes",
      "how much of a mapped .npy or .bed, or of what is made of counts, stays in memory, as limits.memory; when "
      "absent what the system leaves there, of counts beyond half of its memory so much; never changes a result" },
    { "queue.priority", RONDO_INTEGER, "0", -100, 100, false, NULL, "",
      "higher ones are started first in the service; rondo run ignores it" },
    { "trace", RONDO_CHOICE, "rounds", NAN, NAN, false, "off|rounds|blocks|all", "",
      "how much of the run trace.db keeps" },
    { "output.dir", RONDO_TEXT, "out", NAN, NAN, false, NULL, "",
      "the folder for the results; rondo run --out goes before it" },
    { NULL, RONDO_TEXT, NULL, NAN, NAN, false, NULL, NULL, NULL },
};

static const struct keys_extra extras[] = {
    { .key = "version", .required = true },
    { .key = "app", .required = true },
    { .key = "schedule.sync", .later = "ssp|async" },
    { .key = "schedule.staleness", .zero_only = true },
    { .key = "workers.device", .later = "cuda" },
    { .key = "limits.memory", .size = true },
    { .key = "limits.resident", .size = true },
    { .key = "output.dir", .path = true },
};

const struct rondo_param *job_keys(void)
{
    return keys;
}

const struct rondo_param *keys_find(const char *key)
{
    for (const struct rondo_param *rule = keys; rule->key; rule++)
        if (strcmp(rule->key, key) == 0)
            return rule;
    return NULL;
}

const struct keys_extra *keys_extra(const char *key)
{
    static const struct keys_extra nothing;
    for (size_t i = 0; i < sizeof extras / sizeof extras[0]; i++)
        if (strcmp(extras[i].key, key) == 0)
            return &extras[i];
    return &nothing;
}

/* Does "stop" or "params" begin key, as a group that stands at the top of a spec? */
static bool at_the_top(const char *key, size_t length)
{
    if (length == 6 && strncmp(key, "params", length) == 0)
        return true;
    for (const struct rondo_param *rule = keys; rule->key; rule++)
        if (strncmp(rule->key, key, length) == 0 && rule->key[length] == '.')
            return true;
    return false;
}

bool keys_of_app(const char *key, char *out, size_t size)
{
    const char *dot = strchr(key, '.');
    bool top = dot && at_the_top(key, (size_t)(dot - key));
    int length = snprintf(out, size, "%s%s", top ? "" : "params.", key);
    return length > 0 && (size_t)length < size;
}

bool keys_of_role(const char *role, char *out, size_t size)
{
    bool whole = strncmp(role, "params.", 7) == 0;
    int length = snprintf(out, size, "%s%s", whole ? "" : "data.", role);
    return length > 0 && (size_t)length < size;
}

bool keys_choice(const char *choices, int word, char *out, size_t size)
{
    for (; choices && word > 0; word--) {
        choices = strchr(choices, '|');
        choices = choices ? choices + 1 : NULL;
    }
    if (!choices)
        return false;
    size_t length = strcspn(choices, "|");
    snprintf(out, size, "%.*s", (int)length, choices);
    return true;
}

static void range_of_words(const char *choices, char *out, size_t size)
{
    size_t used = 0;
    const char *at = choices;
    while (*at && used < size) {
        size_t length = strcspn(at, "|");
        const char *rest = at[length] ? at + length + 1 : "";
        const char *join = !*rest ? "" : strchr(rest, '|') ? ", " : " or ";
        used += (size_t)snprintf(out + used, size - used, "%.*s%s", (int)length, at, join);
        at = rest;
    }
}

static void range_of_numbers(const struct rondo_param *rule, char *out, size_t size)
{
    bool low = !isnan(rule->least), high = !isnan(rule->most);
    int digits = rule->type == RONDO_INTEGER ? 17 : 15;
    if (low && high && rule->least == rule->most)
        snprintf(out, size, "%.*g", digits, rule->least);
    else if (low && high && !rule->above_least)
        snprintf(out, size, "%.*g to %.*g", digits, rule->least, digits, rule->most);
    else if (low && high)
        snprintf(out, size, "above %.*g, at most %.*g", digits, rule->least, digits, rule->most);
    else if (low)
        snprintf(out, size, "%s %.*g", rule->above_least ? "above" : "at least", digits,
                 rule->least);
    else if (high)
        snprintf(out, size, "at most %.*g", digits, rule->most);
    else
        snprintf(out, size, "any");
}

void keys_range(const struct rondo_param *rule, char *out, size_t size)
{
    out[0] = 0;
    switch (rule->type) {
    case RONDO_REAL:
    case RONDO_INTEGER: range_of_numbers(rule, out, size); break;
    case RONDO_BOOL: snprintf(out, size, "true or false"); break;
    case RONDO_CHOICE: range_of_words(rule->choices, out, size); break;
    case RONDO_TEXT: snprintf(out, size, "text"); break;
    }
}

const char *keys_type(enum rondo_type type)
{
    switch (type) {
    case RONDO_REAL: return "number";
    case RONDO_INTEGER: return "whole number";
    case RONDO_BOOL: return "true or false";
    case RONDO_CHOICE: return "word";
    case RONDO_TEXT: return "text";
    }
    return "value";
}
