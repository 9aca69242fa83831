#include "core/data/vocabulary.h"

#include "tests/support/brutal.h"
#include "tests/unit/core_data/scratch.h"

#include <zlib.h>

TestSuite(vocabulary, .init = scratch_begin, .fini = scratch_end);

static struct rondo_words *load(const char *path)
{
    struct rondo_words *words = NULL;
    struct rondo_error err = { 0 };
    cr_assert_eq(vocabulary_load(path, &words, &err), RONDO_OK, "%s: %s", err.where, err.what);
    return words;
}

static void refuses(const void *bytes, size_t size, int line, const char *what)
{
    char where[1100];
    const char *path = scratch_bytes("bad.txt", bytes, size);
    struct rondo_words *words = NULL;
    struct rondo_error err = { 0 };
    int64_t live = mem_live();
    snprintf(where, sizeof where, line ? "%s:%d" : "%s", path, line);
    cr_assert_eq(vocabulary_load(path, &words, &err), RONDO_EINPUT, "\"%s\" was read", what);
    cr_expect_str_eq(err.where, where);
    cr_expect(strstr(err.what, what) != NULL, "\"%s\" lacks \"%s\"", err.what, what);
    cr_expect_null(words);
    cr_expect_eq(mem_live(), live);
}

#define REFUSES(text, line, what) refuses(text, sizeof text - 1, line, what)

Test(vocabulary, a_word_is_all_that_stands_in_its_line)
{
    struct rondo_words *words = load(scratch_text("v.txt", "one\r\nz\xc3\xbc""rich\n two words \n\xff\nlast"));
    static const char *const wanted[] = { "one", "z\xc3\xbc""rich", " two words ", "\xff", "last" };
    cr_assert_eq(words->count, 5);
    for (int i = 0; i < 5; i++)
        cr_expect_str_eq(words->word[i], wanted[i]);
    vocabulary_free(words);
}

Test(vocabulary, a_line_that_bears_no_word_has_its_place)
{
    REFUSES("a\nb\n\nc\n", 3, "the line is empty");
    REFUSES("a\r\n\r\n", 2, "the line is empty");
    REFUSES("\n", 1, "the line is empty");
    REFUSES("a\nb\t7\n", 2, "there is a tab in the word");
    REFUSES("a\nb\0c\n", 2, "control character (0x00)");
    REFUSES("a\rb\n", 1, "control character (0x0d)");
    REFUSES("", 0, "the file is empty");
}

Test(vocabulary, a_word_has_4096_bytes_at_most)
{
    char text[3 * VOCABULARY_WORD_MOST];
    memset(text, 'x', sizeof text);
    text[VOCABULARY_WORD_MOST] = '\r';
    text[VOCABULARY_WORD_MOST + 1] = '\n';
    struct rondo_words *words = load(scratch_bytes("v.txt", text, 2 * VOCABULARY_WORD_MOST + 2));
    cr_assert_eq(words->count, 2);
    cr_expect_eq(strlen(words->word[0]), VOCABULARY_WORD_MOST);
    cr_expect_eq(strlen(words->word[1]), VOCABULARY_WORD_MOST);
    vocabulary_free(words);
    refuses(text, 2 * VOCABULARY_WORD_MOST + 3, 2, "longer than 4096 bytes");
    text[2 * VOCABULARY_WORD_MOST + 3] = '\n';
    refuses(text, 2 * VOCABULARY_WORD_MOST + 4, 2, "longer than 4096 bytes");
    refuses(text, sizeof text, 2, "longer than 4096 bytes");
}

Test(vocabulary, many_words_come_compressed)
{
    enum { WORDS = 200000 };
    const char *path = scratch_path("v.txt.gz");
    gzFile gz = gzopen(path, "wb");
    for (int i = 0; i < WORDS; i++)
        gzprintf(gz, "w%d\n", i);
    gzclose(gz);
    struct rondo_words *words = load(path);
    char word[16];
    cr_assert_eq(words->count, WORDS);
    for (int i = 0; i < WORDS; i++) {
        snprintf(word, sizeof word, "w%d", i);
        cr_assert_str_eq(words->word[i], word);
    }
    vocabulary_free(words);
    FILE *file = fopen(path, "rb");
    char half[100000];
    size_t size = fread(half, 1, sizeof half, file);
    fclose(file);
    refuses(half, size, 0, "the gzip data are truncated");
}

Test(vocabulary, its_number_tells_one_list_from_another)
{
    static const char *const texts[] = { "ab\nc\n", "a\nbc\n", "abc\n", "c\nab\n", "ab\nc\nd\n" };
    uint64_t number[5];
    for (int i = 0; i < 5; i++) {
        struct rondo_words *words = load(scratch_text("v.txt", texts[i]));
        number[i] = vocabulary_digest(7, words);
        cr_expect_neq(number[i], vocabulary_digest(8, words));
        vocabulary_free(words);
        for (int k = 0; k < i; k++)
            cr_expect_neq(number[i], number[k], "lists %d and %d", i, k);
    }
}

static int trial(void *what)
{
    struct rondo_words *words = NULL;
    struct rondo_error err = { 0 };
    int code = vocabulary_load(what, &words, &err);
    vocabulary_free(words);
    return code;
}

Test(vocabulary, any_allocation_may_fail)
{
    char path[1024];
    snprintf(path, sizeof path, "%s", scratch_text("v.txt", "one\ntwo\n"));
    cr_expect_geq(brutal_run(trial, path), 2);
}
