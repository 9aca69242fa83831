#include "service/sheet.h"

#include "core/base/mem.h"

#include <string.h>

uint64_t sheet_mark(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t mark = 14695981039346656037u;
    for (size_t i = 0; i < size; i++)
        mark = (mark ^ at[i]) * 1099511628211u;
    return mark;
}

static int write_text(struct sheet *sheet, const char *event, const struct rondo_buf *json)
{
    const struct rondo_bytes parts[] = {
        { "event: ", 7 }, { event, strlen(event) }, { "\ndata: ", 7 }, { json->data, json->size },
        { "\n\n", 2 },
    };
    int code = buf_reserve(&sheet->text, json->size + strlen(event) + 16);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !code; i++)
        code = buf_append(&sheet->text, parts[i].data, parts[i].size);
    sheet->end = sheet->text.size - 2;
    sheet->begin = sheet->end - json->size;
    return code;
}

struct sheet *sheet_make(const char *event, struct rondo_buf *json)
{
    unsigned char *bytes = json->data;
    struct sheet *sheet = mem_calloc(1, sizeof *sheet);
    if (!sheet)
        return NULL;
    for (size_t i = 0; i < json->size; i++) /* both end a line of an event; a text in JSON has none */
        if (bytes[i] == '\n' || bytes[i] == '\r')
            bytes[i] = ' ';
    sheet->mark = sheet_mark(bytes, json->size);
    atomic_init(&sheet->holders, 1);
    if (write_text(sheet, event, json) == RONDO_OK)
        return sheet;
    sheet_drop(sheet);
    return NULL;
}

struct sheet *sheet_share(struct sheet *sheet)
{
    atomic_fetch_add_explicit(&sheet->holders, 1, memory_order_relaxed);
    return sheet;
}

void sheet_drop(struct sheet *sheet)
{
    if (!sheet || atomic_fetch_sub_explicit(&sheet->holders, 1, memory_order_acq_rel) > 1)
        return;
    buf_fini(&sheet->text);
    mem_free(sheet);
}
