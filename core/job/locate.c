#include "core/job/locate.h"

#include <stdint.h>
#include <string.h>

struct scan {
    const char *at, *end;
};

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end && strchr(" \t\r\n", *scan->at) && *scan->at)
        scan->at++;
}

/* From an opening quote to behind the closing one. */
static void skip_string(struct scan *scan)
{
    for (scan->at++; scan->at < scan->end && *scan->at != '"'; scan->at++)
        if (*scan->at == '\\' && scan->at + 1 < scan->end)
            scan->at++;
    if (scan->at < scan->end)
        scan->at++;
}

static void skip_value(struct scan *scan)
{
    int depth = 0;
    while (scan->at < scan->end) {
        char c = *scan->at;
        if (c == '"') {
            skip_string(scan);
        } else if (depth == 0 && (c == ',' || c == '}' || c == ']')) {
            return;
        } else {
            depth += (c == '{' || c == '[') - (c == '}' || c == ']');
            scan->at++;
        }
    }
}

static uint32_t hex4(const char *at, const char *end)
{
    uint32_t value = 0;
    for (int i = 0; i < 4 && at + i < end; i++) {
        char c = at[i];
        uint32_t digit = (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
        value = value << 4 | (digit & 15);
    }
    return value;
}

static int put_utf8(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    int count = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int i = count - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 63));
    out[0] = (char)((0xf0 << (4 - count) & 0xf0) | code);
    return count;
}

/* One character of a JSON string as the bytes it stands for. */
static int unescape(struct scan *scan, char out[4])
{
    if (*scan->at != '\\' || scan->at + 1 >= scan->end) {
        out[0] = *scan->at++;
        return 1;
    }
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    char c = scan->at[1];
    scan->at += 2;
    if (c != 'u') {
        const char *named = strchr(from, c);
        out[0] = named && c ? to[named - from] : c;
        return 1;
    }
    uint32_t code = hex4(scan->at, scan->end);
    scan->at += 4;
    if (code >= 0xd800 && code < 0xdc00 && scan->end - scan->at >= 6) {
        code = 0x10000 + ((code & 0x3ff) << 10) + (hex4(scan->at + 2, scan->end) & 0x3ff);
        scan->at += 6;
    }
    return put_utf8(code, out);
}

static bool string_is(struct scan scan, const char *name)
{
    size_t left = strlen(name);
    scan.at++;
    while (scan.at < scan.end && *scan.at != '"') {
        char bytes[4];
        size_t count = (size_t)unescape(&scan, bytes);
        if (count > left || memcmp(bytes, name, count) != 0)
            return false;
        name += count;
        left -= count;
    }
    return left == 0;
}

/* Moves from a '{' to the named member's key (then its value); false where it is missing. */
static bool enter(struct scan *scan, const char *name, bool key)
{
    skip_space(scan);
    if (scan->at >= scan->end || *scan->at != '{')
        return false;
    scan->at++;
    for (;;) {
        skip_space(scan);
        if (scan->at >= scan->end || *scan->at != '"')
            return false;
        struct scan member = *scan;
        skip_string(scan);
        if (key && string_is(member, name)) {
            *scan = member;
            return true;
        }
        skip_space(scan);
        scan->at++; /* the colon */
        skip_space(scan);
        if (string_is(member, name))
            return true;
        skip_value(scan);
        if (scan->at >= scan->end || *scan->at != ',')
            return false;
        scan->at++;
    }
}

bool locate_member(const char *text, size_t size, const char *const *names, int depth, bool key,
                   struct locate_point *point)
{
    struct scan scan = { text, text + size };
    skip_space(&scan);
    for (int i = 0; i < depth; i++)
        if (!enter(&scan, names[i], key && i == depth - 1))
            return false;
    *point = (struct locate_point){ 1, 1 };
    for (const char *at = text; at < scan.at; at++) {
        point->column += (*at & 0xc0) != 0x80;
        if (*at == '\n')
            *point = (struct locate_point){ point->line + 1, 1 };
    }
    return true;
}
