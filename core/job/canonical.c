#include "core/job/canonical.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

int canonical_shared(const char *a, const char *b)
{
    int parts = 0;
    for (; *a && *a == *b; a++, b++)
        parts += *a == '.';
    return parts;
}

bool canonical_part(const char *key, int part, char out[FIELD_KEY_MAX])
{
    for (; key && part > 0; part--) {
        key = strchr(key, '.');
        key = key ? key + 1 : NULL;
    }
    if (!key)
        return false;
    snprintf(out, FIELD_KEY_MAX, "%.*s", (int)strcspn(key, "."), key);
    return true;
}

static int groups(const char *key)
{
    int count = 0;
    for (; *key; key++)
        count += *key == '.';
    return count;
}

void canonical_value(struct jsonout *out, const struct field *field)
{
    switch (field->rule->type) {
    case RONDO_REAL: jsonout_real(out, field->real); break;
    case RONDO_INTEGER: jsonout_integer(out, field->integer); break;
    case RONDO_BOOL: jsonout_flag(out, field->integer != 0); break;
    case RONDO_CHOICE:
    case RONDO_TEXT: jsonout_text(out, field->text); break;
    }
}

/* The fields are sorted, so a group is left when its keys are over: close what the key before had
 * beyond the shared parts, open what this one has. */
void canonical_put(struct jsonout *out, const struct rondo_job *job)
{
    const char *before = "";
    int open = 0;
    char part[FIELD_KEY_MAX];
    jsonout_open(out, '{');
    for (int i = 0; i < job->count; i++) {
        const struct field *field = &job->fields[i];
        if (field->source == FIELD_ABSENT || field->inside)
            continue;
        int shared = canonical_shared(before, field->key);
        for (; open > shared; open--)
            jsonout_close(out, '}');
        for (; open < groups(field->key); open++) {
            canonical_part(field->key, open, part);
            jsonout_key(out, part);
            jsonout_open(out, '{');
        }
        canonical_part(field->key, open, part);
        jsonout_key(out, part);
        canonical_value(out, field);
        before = field->key;
    }
    for (; open > 0; open--)
        jsonout_close(out, '}');
    jsonout_close(out, '}');
}

char *job_canonical(const struct rondo_job *job)
{
    struct rondo_buf buf = { 0 };
    struct jsonout out = jsonout_begin(&buf, false);
    canonical_put(&out, job);
    if (out.failed || buf_append(&buf, "", 1)) {
        buf_fini(&buf);
        return NULL;
    }
    return (char *)buf.data;
}
