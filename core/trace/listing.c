#include "core/trace/listing.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- cells --------------------------------------------------------------------------------- */

/* A whole number and the 0 behind it: a long listing is made of them, and printf takes ten times as long. */
static void plain_whole(char *out, size_t size, int64_t value)
{
    char digits[24], *at = digits + sizeof digits - 1;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    *at = 0;
    do
        *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0)
        *--at = '-';
    const size_t length = (size_t)(digits + sizeof digits - at);
    if (length <= size)
        memcpy(out, at, length);
}

static void json_whole(FILE *out, int64_t value)
{
    char text[24];
    plain_whole(text, sizeof text, value);
    fputs(text, out);
}

/* Bytes of the UTF-8 character at `at`; 0 where there is none. */
static size_t utf8_size(const unsigned char *at)
{
    unsigned first = *at;
    size_t size = first < 0x80   ? 1
                  : first < 0xC2 ? 0
                  : first < 0xE0 ? 2
                  : first < 0xF0 ? 3
                  : first < 0xF5 ? 4
                                 : 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    bool outside = (first == 0xE0 && at[1] < 0xA0) || (first == 0xED && at[1] >= 0xA0) ||
                   (first == 0xF0 && at[1] < 0x90) || (first == 0xF4 && at[1] >= 0x90);
    return outside ? 0 : size;
}

void listing_json_text(FILE *out, const char *text)
{
    putc('"', out);
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        size_t size = utf8_size(at);
        if (size == 0)
            fputs("\\ufffd", out);
        else if (*at < 0x20 || *at == 0x7f)
            fprintf(out, "\\u%04x", (unsigned)*at);
        else if (*at == '"' || *at == '\\')
            fprintf(out, "\\%c", *at);
        else
            fwrite(at, 1, size, out);
        at += size ? size : 1;
    }
    putc('"', out);
}

static void json_variables(FILE *out, const struct listing_variables *variables)
{
    if (!variables->list) {
        fputs("null", out);
        return;
    }
    putc('[', out);
    for (int64_t i = 0; i < variables->count; i++) {
        fputs(i ? "," : "", out);
        json_whole(out, variables->list[i]);
    }
    putc(']', out);
}

static void json_real(FILE *out, double value)
{
    if (isfinite(value))
        fprintf(out, "%.17g", value);
    else
        fputs("null", out);
}

void listing_json_counts(FILE *out, const int64_t *value, int64_t count)
{
    json_variables(out, &(struct listing_variables){ value, count });
}

void listing_json_reals(FILE *out, const double *value, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        putc(i ? ',' : '[', out);
        json_real(out, value[i]);
    }
    fputs(count ? "]" : "[]", out);
}

static void json_cell(FILE *out, enum listing_cell cell, const void *at)
{
    if (cell == LISTING_INT32)
        json_whole(out, *(const int32_t *)at);
    else if (cell == LISTING_INT64 || cell == LISTING_NS)
        json_whole(out, *(const int64_t *)at);
    else if (cell == LISTING_COUNT && *(const int64_t *)at >= 0)
        json_whole(out, *(const int64_t *)at);
    else if (cell == LISTING_COUNT)
        fputs("null", out);
    else if (cell == LISTING_FLAG)
        fputs(*(const bool *)at ? "true" : "false", out);
    else if (cell == LISTING_TEXT)
        listing_json_text(out, *(const char *const *)at);
    else if (cell == LISTING_VARIABLES)
        json_variables(out, at);
    else
        json_real(out, *(const double *)at);
}

void listing_json_members(FILE *out, const struct listing_column *column, const void *row)
{
    const char *gap = "";
    for (; column->key; column++) {
        if (!column->key[0])
            continue;
        fputs(gap, out);
        putc('"', out);
        fputs(column->key, out);
        fputs("\":", out);
        json_cell(out, column->cell, (const char *)row + column->offset);
        gap = ",";
    }
}

void listing_plain_text(char *out, size_t size, const char *text)
{
    size_t i = 0;
    for (; text[i] && i + 1 < size; i++)
        out[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
    out[i] = 0;
}

static void plain_variables(char *out, size_t size, const struct listing_variables *variables)
{
    enum { SHOWN = 8 };
    size_t used = 0;
    snprintf(out, size, "-");
    for (int64_t i = 0; variables->list && i < variables->count && i < SHOWN; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%" PRId64, i ? " " : "",
                                 variables->list[i]);
    if (variables->list && variables->count > SHOWN)
        snprintf(out + used, size - used, " and %" PRId64 " more", variables->count - SHOWN);
}

void listing_plain_real(char *out, size_t size, enum listing_cell cell, double value)
{
    if (!isfinite(value))
        snprintf(out, size, "-");
    else if (cell == LISTING_PERCENT)
        snprintf(out, size, "%.1f", 100 * value);
    else if (cell == LISTING_TIMES)
        snprintf(out, size, "%.2f", value);
    else
        snprintf(out, size, "%.6g", value);
}

/* In three places, fewer where that is longer than the narrowest column: ten seconds and more. */
static void plain_ms(char *out, size_t size, int64_t ns)
{
    enum { WIDE = 8 };
    for (int places = 3; snprintf(out, size, "%.*f", places, (double)ns / 1e6) > WIDE && places > 0;)
        places--;
}

static void plain_cell(char *out, size_t size, enum listing_cell cell, const void *at)
{
    if (cell == LISTING_INT32)
        plain_whole(out, size, *(const int32_t *)at);
    else if (cell == LISTING_COUNT && *(const int64_t *)at < 0)
        snprintf(out, size, "-");
    else if (cell == LISTING_INT64 || cell == LISTING_COUNT)
        plain_whole(out, size, *(const int64_t *)at);
    else if (cell == LISTING_NS)
        plain_ms(out, size, *(const int64_t *)at);
    else if (cell == LISTING_FLAG)
        snprintf(out, size, "%s", *(const bool *)at ? "yes" : "no");
    else if (cell == LISTING_TEXT)
        listing_plain_text(out, size, *(const char *const *)at);
    else if (cell == LISTING_VARIABLES)
        plain_variables(out, size, at);
    else
        listing_plain_real(out, size, cell, *(const double *)at);
}

struct listing_word listing_shown(enum listing_cell cell, double value)
{
    struct listing_word out;
    listing_plain_real(out.text, sizeof out.text, cell, value);
    return out;
}

struct listing_word listing_grouped(int64_t value)
{
    struct listing_word out;
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRId64, value);
    size_t used = 0;
    for (int i = 0; i < length; i++) {
        out.text[used++] = digits[i];
        if (digits[i] != '-' && i + 1 < length && (length - i - 1) % 3 == 0)
            out.text[used++] = ',';
    }
    out.text[used] = 0;
    return out;
}

/* ---- listings ------------------------------------------------------------------------------ */

/* At the width's end, or its begin where that is negative; what is longer stays whole. */
static void plain_padded(FILE *out, const char *text, int width)
{
    const int length = (int)strlen(text);
    for (int i = length; i < width; i++)
        putc(' ', out);
    fputs(text, out);
    for (int i = length; i < -width; i++)
        putc(' ', out);
}

/* The line of headings, or, with a row, of its cells. */
static void plain_line(const struct listing *listing, const void *row)
{
    char cell[256];
    const char *gap = "";
    for (const struct listing_column *column = listing->columns; column->key; column++) {
        if (!column->heading)
            continue;
        if (row)
            plain_cell(cell, sizeof cell, column->cell, (const char *)row + column->offset);
        fputs(gap, listing->out);
        plain_padded(listing->out, row ? cell : column->heading, column->width);
        gap = "  ";
    }
    putc('\n', listing->out);
}

static void head(const struct listing *listing)
{
    if (listing->json)
        fprintf(listing->out, "\"%s\":[", listing->name);
    else
        plain_line(listing, NULL);
}

int listing_row(struct listing *listing, const void *row)
{
    FILE *out = listing->out;
    if (listing->rows++ == 0)
        head(listing);
    if (listing->json) {
        fputs(listing->rows > 1 ? ",\n{" : "\n{", out);
        listing_json_members(out, listing->columns, row);
        putc('}', out);
    } else {
        plain_line(listing, row);
    }
    return ferror(out) ? RONDO_EIO : RONDO_OK;
}

void listing_end(struct listing *listing)
{
    if (listing->rows == 0)
        head(listing);
    if (listing->json)
        fputs("\n]", listing->out);
}
