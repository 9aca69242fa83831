/* Numbers in text, held against strtod; and eight bytes as a double, printed and read back. */
#include "core/data/number.h"
#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

/* What strtod would take and we do not: blanks before, hexadecimal digits, nan(...). */
static bool is_ours(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+');
    return !isspace((unsigned char)*text) && (at[0] != '0' || (at[1] | 32) != 'x')
           && strncasecmp(at, "nan(", 4) != 0;
}

static void check_real(const char *text)
{
    double value = 12345;
    char *wanted_end;
    const char *end = number_real(text, &value);
    if (!is_ours(text))
        return;
    double wanted = strtod(text, &wanted_end);
    if (wanted_end == text)
        wanted_end = NULL;
    fuzz_check(end == wanted_end, "\"%s\" ends elsewhere", text);
    fuzz_check(!end || same(value, wanted), "\"%s\" is %a, not %a", text, value, wanted);
}

static void check_index(const char *text)
{
    int64_t value = -1;
    char *wanted_end;
    const char *end = number_index(text, &value);
    if (!isdigit((unsigned char)*text)) {
        fuzz_check(!end, "\"%s\" is no index", text);
        return;
    }
    long long wanted = strtoll(text, &wanted_end, 10); /* saturates, too */
    fuzz_check(end == wanted_end && value == wanted, "\"%s\" is %lld, not %lld", text,
               (long long)value, wanted);
}

static void check_print(const uint8_t *data)
{
    double value, back;
    char text[32];
    memcpy(&value, data, sizeof value);
    if (!isfinite(value))
        return;
    int size = number_print(text, value);
    fuzz_check(size > 0 && text[size] == 0 && strlen(text) == (size_t)size, "%a is cut", value);
    back = strtod(text, NULL);
    fuzz_check(same(value, back), "%a is printed as \"%s\", which is %a", value, text, back);
    check_real(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    fuzz_begin(0);
    check_real(text);
    check_index(text);
    if (size >= sizeof(double))
        check_print(data);
    fuzz_end();
    fuzz_drop(text);
    return 0;
}
