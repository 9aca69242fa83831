#include "oracle/verdict.h"

#include "core/base/mem.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

struct finding finding_of(const char *kind, int64_t round)
{
    return (struct finding){ .kind = kind, .round = round, .first = -1, .second = -1, .first_block = -1,
                             .second_block = -1, .other_round = -1, .value = (double)NAN, .bound = (double)NAN };
}

void verdict_find(struct verdict *verdict, struct finding finding, const char *format, ...)
{
    if (verdict->found++ >= VERDICT_FINDINGS)
        return;
    va_list words;
    va_start(words, format);
    vsnprintf(finding.words, sizeof finding.words, format, words);
    va_end(words);
    verdict->finding[verdict->found - 1] = finding;
}

void verdict_say(struct verdict *verdict, struct lines *to, const char *format, ...)
{
    char text[VERDICT_WORDS];
    va_list words;
    va_start(words, format);
    vsnprintf(text, sizeof text, format, words);
    va_end(words);
    char *line = to->count < VERDICT_LINES ? mem_strdup(text) : NULL;
    if (line)
        to->line[to->count++] = line;
    else
        verdict->failed = true;
}

static void forget(struct lines *lines)
{
    while (lines->count)
        mem_free(lines->line[--lines->count]);
}

void verdict_fini(struct verdict *verdict)
{
    forget(&verdict->proved);
    forget(&verdict->not_proved);
    forget(&verdict->lacks);
}
