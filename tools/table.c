#include "tools/table.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void table_init(struct table *table, const struct table_column *columns)
{
    *table = (struct table){ .columns = columns };
    while (columns[table->width].head)
        table->width++;
}

int table_add(struct table *table, const struct jsonin *object)
{
    for (int c = 0; c < table->width; c++) {
        char cell[TABLE_CELL_MAX] = "";
        const char *key = table->columns[c].key;
        if (table->columns[c].time)
            table_time(object, key, cell, sizeof cell);
        else
            jsonin_show(jsonin_get(object, key), cell, sizeof cell);
        if (!cell[0])
            snprintf(cell, sizeof cell, "-");
        if (buf_append(&table->cells, cell, sizeof cell))
            return RONDO_ENOMEM;
    }
    table->rows++;
    return RONDO_OK;
}

static const char *cell_of(const struct table *table, int64_t row, int column)
{
    if (row < 0)
        return table->columns[column].head;
    return (const char *)table->cells.data + (row * table->width + column) * TABLE_CELL_MAX;
}

/* Characters, where each takes one column of the terminal. */
static int characters(const char *text)
{
    int count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static int widest(const struct table *table, int column)
{
    int most = 0;
    for (int64_t row = -1; row < table->rows; row++) {
        int wide = characters(cell_of(table, row, column));
        most = wide > most ? wide : most;
    }
    return most;
}

void table_print(const struct table *table)
{
    int wide[32];
    int count = table->width < 32 ? table->width : 32;
    for (int c = 0; c < count; c++)
        wide[c] = widest(table, c);
    for (int64_t row = -1; row < table->rows; row++) {
        for (int c = 0; c < count; c++) {
            const char *cell = cell_of(table, row, c);
            int pad = c + 1 < count ? wide[c] - characters(cell) + 2 : 0;
            printf("%s%*s", cell, pad, "");
        }
        putchar('\n');
    }
}

void table_fini(struct table *table)
{
    buf_fini(&table->cells);
}

/* "2026-11-20T14:03:07.250Z" */
static bool read_stamp(const char *text, time_t *at)
{
    struct tm parts = { 0 };
    char behind = 0;
    int read = text ? sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%c", &parts.tm_year, &parts.tm_mon,
                             &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &behind)
                    : 0;
    if (read != 7 || !strchr(".Z", behind) || text[strlen(text) - 1] != 'Z')
        return false;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    *at = timegm(&parts);
    return *at > 0;
}

void table_time(const struct jsonin *object, const char *key, char *out, size_t size)
{
    double seconds = 0;
    time_t at = 0;
    struct tm parts;
    if (jsonin_number(object, key, &seconds) && seconds > 0 && seconds < 1e11)
        at = (time_t)seconds;
    else if (!read_stamp(jsonin_text(object, key), &at))
        at = 0;
    if (!at || !localtime_r(&at, &parts) || !strftime(out, size, "%Y-%m-%d %H:%M:%S", &parts))
        jsonin_show(jsonin_get(object, key), out, size);
}
