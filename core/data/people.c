#include "core/data/people.h"

#include "core/base/mem.h"

enum { FIRST = 1024 };

static int full(const char *fam, struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_ENOMEM, fam, NULL, "out of memory");
}

static uint64_t mix(uint64_t hash, const struct field *field)
{
    for (size_t i = 0; i < field->size; i++)
        hash = (hash ^ (unsigned char)field->at[i]) * UINT64_C(0x100000001b3);
    return (hash ^ ' ') * UINT64_C(0x100000001b3);
}

static uint64_t hash_of(const struct field *family, const struct field *name)
{
    uint64_t hash = mix(mix(UINT64_C(0xcbf29ce484222325), family), name);
    return hash ^ hash >> 29;
}

static bool is_named(const struct people *people, int64_t row, const struct field *family,
                     const struct field *name)
{
    const char *at = people_name(people, row);
    return strlen(at) == family->size + 1 + name->size && memcmp(at, family->at, family->size) == 0
           && at[family->size] == ' ' && memcmp(at + family->size + 1, name->at, name->size) == 0;
}

/* The slot of an individual, or the free one where he would be. */
static size_t slot_of(const struct people *people, const struct field *family,
                      const struct field *name)
{
    size_t slot = hash_of(family, name) & (people->slots - 1);
    while (people->slot[slot] >= 0 && !is_named(people, people->slot[slot], family, name))
        slot = (slot + 1) & (people->slots - 1);
    return slot;
}

static bool grow_slots(struct people *people)
{
    size_t slots = people->slots ? people->slots * 2 : FIRST;
    int64_t *slot = mem_alloc(slots * sizeof *slot);
    size_t *at = mem_alloc(slots / 2 * sizeof *at);
    if (!slot || !at) {
        mem_free(slot);
        mem_free(at);
        return false;
    }
    if (people->count)
        memcpy(at, people->at, (size_t)people->count * sizeof *at);
    mem_free(people->slot);
    mem_free(people->at);
    people->slot = slot;
    people->at = at;
    people->slots = slots;
    for (size_t i = 0; i < slots; i++)
        slot[i] = -1;
    for (int64_t row = 0; row < people->count; row++) {
        const char *word = people_name(people, row), *gap = strchr(word, ' ');
        const struct field family = { word, (size_t)(gap - word) }, name = { gap + 1, strlen(gap + 1) };
        slot[slot_of(people, &family, &name)] = row;
    }
    return true;
}

static bool grow_names(struct people *people, size_t more)
{
    if (people->size + more <= people->room)
        return true;
    size_t room = people->room * 2 + more + FIRST;
    char *names = mem_alloc(room);
    if (!names)
        return false;
    if (people->size)
        memcpy(names, people->names, people->size);
    mem_free(people->names);
    people->names = names;
    people->room = room;
    return true;
}

/* 0 also where he is there already: *twice. */
static int add(struct people *people, const struct field *family, const struct field *name,
               bool *twice)
{
    size_t size = family->size + name->size + 2;
    if (((size_t)people->count >= people->slots / 2 && !grow_slots(people))
        || !grow_names(people, size))
        return RONDO_ENOMEM;
    size_t slot = slot_of(people, family, name);
    *twice = people->slot[slot] >= 0;
    if (*twice)
        return RONDO_OK;
    char *to = people->names + people->size;
    memcpy(to, family->at, family->size);
    to[family->size] = ' ';
    memcpy(to + family->size + 1, name->at, name->size);
    to[size - 1] = 0;
    people->slot[slot] = people->count;
    people->at[people->count++] = people->size;
    people->size += size;
    return RONDO_OK;
}

static int read_lines(struct people *people, struct stream *s, struct fields *fields,
                      struct rondo_error *err)
{
    char family[STREAM_TOKEN], name[STREAM_TOKEN];
    int found;
    while ((found = fields_line(s, fields, err)) > 0) {
        bool twice = false;
        if (fields->count < 2)
            return stream_error(s, err, NULL, "expected FID and IID");
        if (add(people, &fields->field[0], &fields->field[1], &twice))
            return full(s->path, err);
        if (twice)
            return stream_error(s, err, NULL, "the individual %s %s stands twice",
                                field_word(&fields->field[0], family),
                                field_word(&fields->field[1], name));
    }
    return found;
}

int people_read(struct people *people, const char *fam, struct rondo_error *err)
{
    struct stream s;
    *people = (struct people){ 0 };
    int code = stream_open(&s, fam, err);
    if (code)
        return code;
    struct fields *fields = mem_calloc(1, sizeof *fields);
    code = fields ? read_lines(people, &s, fields, err) : full(fam, err);
    mem_free(fields);
    stream_close(&s);
    if (code)
        people_fini(people);
    return code;
}

void people_fini(struct people *people)
{
    mem_free(people->names);
    mem_free(people->at);
    mem_free(people->slot);
    *people = (struct people){ 0 };
}

int64_t people_find(const struct people *people, const struct field *family,
                    const struct field *name)
{
    return people->slots ? people->slot[slot_of(people, family, name)] : -1;
}
