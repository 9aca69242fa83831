/* chronicle.c - of a list that is full every other line goes, and from then on every other one comes in; the
 * last line is always kept. */
#include "service/chronicle.h"

#include "core/base/mem.h"
#include "core/job/jsonin.h"
#include "core/job/jsonout.h"
#include "core/trace/digest.h"
#include "service/jobdir.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 24, KEY_BYTES = 48 };

struct chronicle {
    char key[KEYS][KEY_BYTES]; /* as in the digest: seconds, round, updates, objective, and the app's */
    int keys;
    double row[DIGEST_POINTS + 1][KEYS]; /* and the last line */
    int rows;
    int64_t seen, stride;
};

static int place_of(struct chronicle *chronicle, const char *key)
{
    const char *called = strcmp(key, "t") == 0 ? "seconds" : key;
    for (int k = 0; k < chronicle->keys; k++)
        if (strcmp(chronicle->key[k], called) == 0)
            return k;
    if (chronicle->keys == KEYS || strlen(called) >= KEY_BYTES)
        return -1;
    for (int i = 0; i < chronicle->rows; i++)
        chronicle->row[i][chronicle->keys] = (double)NAN;
    snprintf(chronicle->key[chronicle->keys], KEY_BYTES, "%s", called);
    return chronicle->keys++;
}

static bool note_value(void *context, const char *key, const struct jsonin *value)
{
    struct chronicle *chronicle = context;
    double number, *row = chronicle->row[chronicle->rows];
    int place = place_of(chronicle, key);
    if (place >= 0)
        row[place] = jsonin_real_of(value, &number) ? number : (double)NAN;
    return true;
}

static void thin(struct chronicle *chronicle)
{
    for (int i = 0; i < DIGEST_POINTS / 2; i++)
        memcpy(chronicle->row[i], chronicle->row[2 * i], sizeof chronicle->row[i]);
    chronicle->rows = DIGEST_POINTS / 2;
    chronicle->stride *= 2;
}

/* The row behind the last that counts holds the line that came last. */
static void note_line(struct chronicle *chronicle, const char *text, size_t size)
{
    struct jsonin *line;
    if (jsonin_parse(text, size, &line) != RONDO_OK)
        return; /* being written, or no line of ours */
    for (int k = 0; k < KEYS; k++)
        chronicle->row[chronicle->rows][k] = (double)NAN;
    jsonin_each(line, note_value, chronicle);
    jsonin_free(line);
    if (chronicle->seen++ % chronicle->stride)
        return;
    memcpy(chronicle->row[chronicle->rows + 1], chronicle->row[chronicle->rows], sizeof chronicle->row[0]);
    if (++chronicle->rows == DIGEST_POINTS)
        thin(chronicle);
}

static void put_value(struct jsonout *out, double value)
{
    if (fabs(value) < 1e15 && floor(value) == value)
        jsonout_integer(out, (int64_t)value);
    else
        jsonout_real(out, value);
}

static void put_convergence(struct jsonout *out, const struct chronicle *chronicle, int rows)
{
    jsonout_key(out, "convergence");
    jsonout_open(out, '{');
    jsonout_key(out, "keys");
    jsonout_open(out, '[');
    for (int k = 0; k < chronicle->keys; k++)
        jsonout_text(out, chronicle->key[k]);
    jsonout_close(out, ']');
    jsonout_key(out, "rows");
    jsonout_open(out, '[');
    for (int i = 0; i < rows; i++) {
        jsonout_open(out, '[');
        for (int k = 0; k < chronicle->keys; k++)
            put_value(out, chronicle->row[i][k]);
        jsonout_close(out, ']');
    }
    jsonout_close(out, ']');
    jsonout_close(out, '}');
}

static void put_digest(struct jsonout *out, struct chronicle *chronicle, const char *app)
{
    static const char *const unknown[] = { "shares", "timeline", "concentration", "couplings", "workers" };
    static const char *const first[] = { "rounds", "updates", "seconds", "objective" };
    bool behind = chronicle->seen > 0 && (chronicle->seen - 1) % chronicle->stride;
    int rows = chronicle->rows + behind;
    jsonout_open(out, '{');
    jsonout_integer_at(out, "version", 1);
    jsonout_text_at(out, "app", app);
    jsonout_text_at(out, "level", "off");
    jsonout_text_at(out, "variables", NULL);
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        int place = rows ? place_of(chronicle, i ? first[i] : "round") : -1;
        jsonout_key(out, first[i]);
        put_value(out, place >= 0 ? chronicle->row[rows - 1][place] : (double)NAN);
    }
    jsonout_integer_at(out, "dropped", 0);
    put_convergence(out, chronicle, rows);
    jsonout_key(out, "series");
    jsonout_raw(out, "{\"keys\":[],\"rows\":[]}");
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        jsonout_text_at(out, unknown[i], NULL);
    jsonout_close(out, '}');
}

static int read_lines(struct chronicle *chronicle, const char *state_dir, int64_t id)
{
    int64_t size;
    int file = jobdir_open(state_dir, id, JOBDIR_PROGRESS, &size);
    FILE *stream = file >= 0 ? fdopen(file, "r") : NULL;
    char *line = NULL;
    size_t room = 0;
    ssize_t got;
    if (!stream)
        return RONDO_EINPUT;
    while ((got = getline(&line, &room, stream)) > 0)
        note_line(chronicle, line, (size_t)got);
    free(line);
    fclose(stream);
    return RONDO_OK;
}

int chronicle_digest(const char *state_dir, int64_t id, const char *app, struct rondo_buf *out)
{
    static const char *const usual[] = { "seconds", "round", "updates", "objective" };
    struct chronicle *chronicle = mem_calloc(1, sizeof *chronicle);
    if (!chronicle)
        return RONDO_ENOMEM;
    chronicle->stride = 1;
    for (int i = 0; i < 4; i++)
        (void)place_of(chronicle, usual[i]);
    int code = read_lines(chronicle, state_dir, id);
    if (!code) {
        struct jsonout json = jsonout_begin(out, false);
        put_digest(&json, chronicle, app);
        code = json.failed ? RONDO_ENOMEM : RONDO_OK;
    }
    mem_free(chronicle);
    return code;
}
