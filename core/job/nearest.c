#include "core/job/nearest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static int least(int a, int b)
{
    return a < b ? a : b;
}

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* d[i][j] = min(d[i-1][j] + 1, d[i][j-1] + 1, d[i-1][j-1] + [a_i != b_j], d[i-2][j-2] + 1 where
 * the last two letters are swapped); three rows of d are kept. */
static int distance(const char *a, const char *b)
{
    int rows[3][NEAREST_WORD_MAX + 1];
    int n = (int)strlen(b);
    for (int j = 0; j <= n; j++)
        rows[0][j] = j;
    int i = 0;
    for (; a[i]; i++) {
        const int *up = rows[i % 3];
        const int *upper = rows[(i + 2) % 3];
        int *row = rows[(i + 1) % 3];
        row[0] = i + 1;
        for (int j = 0; j < n; j++) {
            row[j + 1] = least(up[j + 1] + 1, least(row[j] + 1, up[j] + !same(a[i], b[j])));
            if (i > 0 && j > 0 && same(a[i], b[j - 1]) && same(a[i - 1], b[j]))
                row[j + 1] = least(row[j + 1], upper[j - 1] + 1);
        }
    }
    return rows[i % 3][n];
}

void nearest_begin(struct nearest *nearest, const char *word)
{
    nearest->word = word;
    nearest->distance = NEAREST_WORD_MAX;
    nearest->best[0] = 0;
}

void nearest_offer(struct nearest *nearest, const char *candidate, const char *shown)
{
    if (strlen(nearest->word) > NEAREST_WORD_MAX || strlen(candidate) > NEAREST_WORD_MAX)
        return;
    int far = distance(nearest->word, candidate);
    if (far >= nearest->distance)
        return;
    nearest->distance = far;
    snprintf(nearest->best, sizeof nearest->best, "%s", shown);
}

bool nearest_found(const struct nearest *nearest)
{
    int length = (int)strlen(nearest->word);
    return nearest->best[0] && nearest->distance < length && nearest->distance <= (length + 2) / 3;
}
