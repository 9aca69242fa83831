#include "core/trace/lists.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a list is the memory of its numbers");

int lists_width(const int64_t *values, int64_t count, bool *even)
{
    uint64_t used = 0, differ = 0; /* bits: below the sign; that are not the first's */
    for (int64_t i = 0; i < count; i++) {
        used |= (uint64_t)(values[i] ^ (values[i] >> 63));
        differ |= (uint64_t)(values[i] ^ values[0]);
    }
    *even = differ == 0;
    return used <= INT8_MAX ? 1 : used <= INT16_MAX ? 2 : used <= INT32_MAX ? 4 : 8;
}

int lists_width_of(int64_t count, int64_t bytes)
{
    if (count <= 0 || count > bytes)
        return 0;
    for (int width = 1; width <= 8; width *= 2) /* a division takes longer */
        if (bytes % width == 0 && bytes / width == count)
            return width;
    return 0;
}

#define PACK(type)                                          \
    for (int64_t i = 0; i < count; i++) {                   \
        type value = (type)values[i];                       \
        memcpy(out + i * (int64_t)sizeof value, &value, sizeof value); \
    }

void lists_pack(const int64_t *restrict values, int64_t count, int width, unsigned char *restrict out)
{
    if (width == 1)
        PACK(int8_t)
    else if (width == 2)
        PACK(int16_t)
    else if (width == 4)
        PACK(int32_t)
    else
        PACK(int64_t)
}

#define UNPACK(type)                                        \
    for (int64_t i = 0; i < count; i++) {                   \
        type value;                                         \
        memcpy(&value, in + i * (int64_t)sizeof value, sizeof value); \
        values[i] = value;                                  \
    }

void lists_unpack(const unsigned char *restrict in, int64_t count, int width, int64_t *restrict values)
{
    if (width == 1)
        UNPACK(int8_t)
    else if (width == 2)
        UNPACK(int16_t)
    else if (width == 4)
        UNPACK(int32_t)
    else
        UNPACK(int64_t)
}
