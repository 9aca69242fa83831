/* plink.h - what readers and writers of PLINK 1 files share.
 *
 * Place:   core/data, floor 1; used by plink.c, bedfile.c and fingerprint.c.
 * Threads: safe, nothing is kept.
 * Memory:  none.
 */
#ifndef PLINK_H
#define PLINK_H

#include "core/data/data.h"

enum { PLINK_HEADER = 3 }; /* bytes of a .bed before its first column */

/* The bits of a column's last byte that stand for rows. */
static inline uint8_t plink_last_bits(int64_t rows)
{
    return (uint8_t)(rows % 4 ? (1 << rows % 4 * 2) - 1 : 0xff);
}

#endif
