#include "core/job/jsonout.h"

#include "core/base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct jsonout jsonout_begin(struct rondo_buf *buf, bool pretty)
{
    return (struct jsonout){ .buf = buf, .pretty = pretty };
}

static void put(struct jsonout *out, const char *bytes, size_t size)
{
    if (!out->failed)
        out->failed = buf_append(out->buf, bytes, size) != 0;
}

void jsonout_bytes(struct jsonout *out, const char *text)
{
    put(out, text, strlen(text));
}

static void new_line(struct jsonout *out)
{
    if (!out->pretty)
        return;
    put(out, "\n", 1);
    for (int i = 0; i < out->depth; i++)
        put(out, "  ", 2);
}

/* What stands between two members, before the first and behind a key. */
static void separate(struct jsonout *out)
{
    if (out->valued) {
        out->valued = false;
        return;
    }
    if (out->begun)
        jsonout_bytes(out, out->spaced ? ", " : ",");
    if (out->depth > 0)
        new_line(out);
    out->begun = true;
}

void jsonout_open(struct jsonout *out, char bracket)
{
    separate(out);
    put(out, &bracket, 1);
    out->depth++;
    out->begun = false;
}

void jsonout_close(struct jsonout *out, char bracket)
{
    out->depth--;
    if (out->begun)
        new_line(out);
    put(out, &bracket, 1);
    out->begun = true;
}

int jsonout_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    if (at[0] < 0x80)
        return 1;
    int count = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    for (int i = 1; i < count; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool beyond = (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf4 && at[1] > 0x8f);
    return overlong || beyond ? 0 : count;
}

static void put_string(struct jsonout *out, const char *text)
{
    static const char plain[] = "\"\\\b\f\n\r\t", named[] = "\"\\bfnrt";
    put(out, "\"", 1);
    while (*text) {
        char escape[8];
        const char *special = strchr(plain, *text);
        int count = jsonout_utf8(text);
        if (special) {
            snprintf(escape, sizeof escape, "\\%c", named[special - plain]);
            jsonout_bytes(out, escape);
        } else if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)*text);
            jsonout_bytes(out, escape);
        } else {
            put(out, count ? text : "\xef\xbf\xbd", count ? (size_t)count : 3);
        }
        text += count ? count : 1;
    }
    put(out, "\"", 1);
}

void jsonout_key(struct jsonout *out, const char *key)
{
    separate(out);
    put_string(out, key);
    jsonout_bytes(out, out->pretty || out->spaced ? ": " : ":");
    out->valued = true;
}

void jsonout_raw(struct jsonout *out, const char *json)
{
    separate(out);
    jsonout_bytes(out, json);
}

void jsonout_text(struct jsonout *out, const char *text)
{
    if (!text) {
        jsonout_raw(out, "null");
        return;
    }
    separate(out);
    put_string(out, text);
}

void jsonout_digits(double value, char out[32])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, 32, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    char *comma = strchr(out, ','); /* an embedding program's locale */
    if (comma)
        *comma = '.';
    if (value == 0 && signbit(value))
        snprintf(out, 32, "-0.0"); /* "-0" would read back as the integer 0 */
}

void jsonout_real(struct jsonout *out, double value)
{
    char digits[32] = "null";
    if (isfinite(value))
        jsonout_digits(value, digits);
    jsonout_raw(out, digits);
}

void jsonout_integer(struct jsonout *out, int64_t value)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    jsonout_raw(out, digits);
}

void jsonout_flag(struct jsonout *out, bool value)
{
    jsonout_raw(out, value ? "true" : "false");
}

void jsonout_text_at(struct jsonout *out, const char *key, const char *text)
{
    jsonout_key(out, key);
    jsonout_text(out, text);
}

void jsonout_real_at(struct jsonout *out, const char *key, double value)
{
    jsonout_key(out, key);
    jsonout_real(out, value);
}

void jsonout_integer_at(struct jsonout *out, const char *key, int64_t value)
{
    jsonout_key(out, key);
    jsonout_integer(out, value);
}

void jsonout_flag_at(struct jsonout *out, const char *key, bool value)
{
    jsonout_key(out, key);
    jsonout_flag(out, value);
}

void jsonout_time_at(struct jsonout *out, const char *key, double seconds)
{
    char text[64];
    struct tm parts;
    double whole = floor(seconds);
    time_t when = (time_t)whole;
    jsonout_key(out, key);
    if (seconds <= 0 || !gmtime_r(&when, &parts)) {
        jsonout_text(out, NULL);
        return;
    }
    size_t used = strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + used, sizeof text - used, ".%03dZ", (int)((seconds - whole) * 1000));
    jsonout_text(out, text);
}
