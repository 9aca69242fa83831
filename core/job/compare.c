/* May a saved job go on as this one?  (--resume) */
#include "core/job/canonical.h"
#include "core/job/keys.h"
#include "core/job/rule.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

static bool may_change(const char *key)
{
    static const char *const groups[] = { "stop", "workers", "trace", "checkpoint", "queue",
                                          "output" };
    size_t length = strcspn(key, ".");
    if (strcmp(key, "limits.resident") == 0)
        return true;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (strlen(groups[i]) == length && strncmp(key, groups[i], length) == 0)
            return true;
    return false;
}

static bool same_size(const char *a, const char *b)
{
    int64_t x = 0, y = 0;
    return rule_bytes(a, &x) && rule_bytes(b, &y) && x == y;
}

static bool same_value(const struct field *a, const struct field *b)
{
    if ((a->source == FIELD_ABSENT) != (b->source == FIELD_ABSENT))
        return false;
    switch (a->rule->type) {
    case RONDO_REAL: return memcmp(&a->real, &b->real, sizeof a->real) == 0 || a->real == b->real;
    case RONDO_INTEGER:
    case RONDO_BOOL: return a->integer == b->integer;
    case RONDO_CHOICE:
    case RONDO_TEXT: break;
    }
    if (!a->text || !b->text || strcmp(a->text, b->text) == 0)
        return !a->text == !b->text;
    return keys_extra(a->key)->size && same_size(a->text, b->text);
}

/* The value as JSON, or "absent"; cut to fit. */
static void words(const struct field *field, char out[160])
{
    struct rondo_buf buf = { 0 };
    struct jsonout json = jsonout_begin(&buf, false);
    if (field->source == FIELD_ABSENT)
        jsonout_bytes(&json, "absent");
    else
        canonical_value(&json, field);
    int length = buf.size < 150 ? (int)buf.size : 150;
    snprintf(out, 160, "%.*s%s", length, buf.size ? (const char *)buf.data : "",
             buf.size > 150 ? "..." : "");
    buf_fini(&buf);
}

static int differs(const struct field *was, const struct rondo_job *job, const struct field *is,
                   struct rondo_error *err)
{
    char where[256], before[160], after[160];
    job_where(job, is->key, where, sizeof where);
    words(was, before);
    words(is, after);
    return rondo_error_set(err, RONDO_EINPUT, where,
                           "--resume accepts changes under stop, workers, trace, checkpoint, queue "
                           "and of limits.resident alone",
                           "%s%s was %s when the job began and is %s now",
                           is->role ? "the data file " : "", is->key, before, after);
}

/* Not said in the spec, nor the same in every one: it follows from what was said. */
static bool follows(const struct field *field)
{
    return field->source == FIELD_DEFAULT && !field->rule->fallback;
}

int job_resumable(const struct rondo_job *saved, const struct rondo_job *now,
                  struct rondo_error *err)
{
    if (strcmp(job_text(saved, "app"), job_text(now, "app")) != 0)
        return differs(field_find(saved, "app"), now, field_find(now, "app"), err);
    const struct field *other = NULL; /* the first; better one that does not follow from another */
    for (int i = 0; i < now->count && (!other || follows(other)); i++) {
        const struct field *is = &now->fields[i];
        if (!may_change(is->key) && !same_value(field_find(saved, is->key), is) && (!other || !follows(is)))
            other = is;
    }
    return other ? differs(field_find(saved, other->key), now, other, err) : RONDO_OK;
}
