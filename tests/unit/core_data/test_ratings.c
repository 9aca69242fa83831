#include "core/base/mem.h"
#include "core/data/fingerprint.h"
#include "core/data/ratings.h"
#include "tests/unit/core_data/scratch.h"

#include <zlib.h>
#include <zstd.h>

TestSuite(ratings, .init = scratch_begin, .fini = scratch_end);

static const struct data_options wanted = { .index_base = 1, .ratings = true };
static const struct data_options pairs = { .index_base = 1, .ratings = true, .pairs = true };

static struct data_set *load(const char *text)
{
    return scratch_load(scratch_text("a.csv", text), &wanted);
}

static void refuses(const char *text, int line, const char *words)
{
    scratch_refuses(scratch_text("a.uir", text), &wanted, line, words, NULL);
}

static int64_t number_of(const struct rondo_words *words, const char *id)
{
    for (int64_t i = 0; i < words->count; i++)
        if (strcmp(words->word[i], id) == 0)
            return i;
    return -1;
}

/* The rating of a user for an item by their ids; 0 where there is none. */
static double rated(const struct data_set *set, const char *user, const char *item)
{
    int64_t i = number_of(&set->ids->user, user), j = number_of(&set->ids->item, item);
    cr_assert(i >= 0 && j >= 0, "no %s or no %s", user, item);
    return scratch_at(&set->x, i, j);
}

static void remember(void *context, const char *text)
{
    char *all = context;
    size_t size = strlen(all);
    snprintf(all + size, 600 - size, "%s\n", text);
}

static void says(const struct data_set *set, const char *words)
{
    char all[600] = "";
    struct rondo_error err = { 0 };
    cr_assert_eq(data_remarks(set, remember, all, &err), RONDO_OK);
    cr_expect_str_eq(all, words);
}

Test(ratings, users_are_rows_and_items_columns_by_first_appearance)
{
    struct data_set *set = load("30 9 1\n10 9 2\n30 7 3.5\n20 9 -4e-1\n10 8 5\n");
    static const char *const users[] = { "30", "10", "20" }, *const items[] = { "9", "7", "8" };
    static const int64_t colptr[] = { 0, 3, 4, 5 };
    static const int32_t rowidx[] = { 0, 1, 2, 0, 1 };
    static const double values[] = { 1, 2, (double)-0.4f, 3.5, 5 };
    cr_assert(set->x.sparse && set->x.rows == 3 && set->x.cols == 3 && set->x.nnz == 5);
    cr_expect(memcmp(set->x.colptr, colptr, sizeof colptr) == 0);
    cr_expect(memcmp(set->x.rowidx, rowidx, sizeof rowidx) == 0);
    cr_expect(memcmp(set->x.values, values, sizeof values) == 0);
    cr_assert(set->ids->user.count == 3 && set->ids->item.count == 3);
    for (int i = 0; i < 3; i++) {
        cr_expect_str_eq(set->ids->user.word[i], users[i]);
        cr_expect_str_eq(set->ids->item.word[i], items[i]);
    }
    cr_expect(set->ids->known_users == 0 && set->ids->known_items == 0 && set->ids->negative_line == 4);
    cr_expect(set->info.lines == 5 && set->info.replaced == 0 && !set->info.header && !set->info.times);
    cr_expect_str_eq(data_format_name(set->info.format), "ratings");
    says(set, "");
    data_free(set);
}

Test(ratings, delimiters_are_told_from_the_first_line)
{
    static const char *const texts[] = {
        "a x 1\nb y 2\nb x 4\n",
        "  a   x  1  \r\nb\t \ty 2\r\n\r\nb x 4",
        "a\tx\t1\nb\ty\t2\n b \tx \t 4 \r\n",
        "a,x,1\nb,y,2\nb,x,4\n",
        "a , x,1\r\n  b,y , 2\r\n   \nb,\tx,4 \n",
        "\"a\",\"x\",\"1\"\n\"b\", \"y\" ,2\nb,x,4\n",
        "a;x;1\n\"b\";y;2\nb;x;4\n",
        "a::x::1\nb::y::2\nb :: x :: 4\n",
        "\xef\xbb\xbf""a,x,1\nb,y,2\nb,x,4\n",
        "# made by hand\n\n#\na,x,1\n# half\nb,y,2\n\nb,x,4\n",
        "user,item,rating\na,x,1\nb,y,2\nb,x,4\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct data_set *set = load(texts[i]);
        cr_assert(set->x.rows == 2 && set->x.cols == 2 && set->x.nnz == 3, "text %zu", i);
        cr_expect(rated(set, "a", "x") == 1 && rated(set, "b", "y") == 2 && rated(set, "b", "x") == 4, "text %zu", i);
        cr_expect_eq(set->info.header, i == 10);
        data_free(set);
    }
}

Test(ratings, ids_are_any_bytes)
{
    struct data_set *set = load("\"Smith, \"\"Jo\"\" \",caf\xc3\xa9 noir,3\n\xff\xfe,#1,4\n12345678,123456789,1\n"
                                "123456789,12345678,2\n12345678901234567,12345678901234568,5\nSmith::J,a b  c,1\n");
    cr_expect_eq(rated(set, "Smith, \"Jo\" ", "caf\xc3\xa9 noir"), 3);
    cr_expect_eq(rated(set, "\xff\xfe", "#1"), 4);
    cr_expect_eq(rated(set, "12345678", "123456789"), 1);
    cr_expect_eq(rated(set, "123456789", "12345678"), 2);
    cr_expect_eq(rated(set, "12345678901234567", "12345678901234568"), 5);
    cr_expect_eq(rated(set, "Smith::J", "a b  c"), 1);
    data_free(set);
    set = load("0\t0\t5\n00\t0\t4\n0.0\t0\t3\n");
    cr_expect_eq(set->x.rows, 3, "ids are texts, no numbers");
    data_free(set);
}

Test(ratings, an_id_has_4096_bytes_at_most)
{
    static char text[3 * 4096 + 64], id[4098];
    memset(id, 'u', 4097);
    for (int size = 4096; size <= 4097; size++)
        for (int quick = 0; quick < 2; quick++) {
            id[size] = 0;
            snprintf(text, sizeof text, quick ? "1,2,3\n%s,2,3\n" : "1,2,3\n\"%s\" ,2,3\n", id);
            id[size] = 'u';
            if (size > 4096) {
                refuses(text, 2, "the user has more than 4096 bytes");
                continue;
            }
            struct data_set *set = load(text);
            cr_expect_eq(strlen(set->ids->user.word[1]), 4096);
            data_free(set);
        }
}

Test(ratings, a_first_line_without_a_number_is_a_header)
{
    struct data_set *set = load("userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n1,1029,3.0,1260759179\n");
    cr_expect(set->info.header && set->info.times && set->x.rows == 1 && set->x.cols == 2);
    says(set, "line 1 is taken as a header\n");
    data_free(set);
    set = load("ann film 5\nbob film 3\n");
    cr_expect(!set->info.header && set->x.rows == 2);
    data_free(set);
    refuses("a,b,c\nd,e,f\n", 2, "the rating \"f\" is no number");
    refuses("a,b,nan\n", 1, "the rating \"nan\" is not finite");
}

Test(ratings, of_equal_cells_the_latest_is_kept_and_else_the_last)
{
    struct data_set *set = load("1 1 1\n2 1 2\n1 1 3\n2 2 9\n1 1 4\n");
    cr_expect(set->x.nnz == 3 && set->info.replaced == 2 && set->info.lines == 5);
    cr_expect(rated(set, "1", "1") == 4 && rated(set, "2", "1") == 2 && rated(set, "2", "2") == 9);
    says(set, "2 ratings of cells that come again later were replaced\n");
    data_free(set);
    set = load("1 1 1 50\n2 1 2 10\n1 1 3 70\n2 1 7 10\n1 1 4 60\n3 1 5 1e300\n3 1 6 -1\n");
    cr_expect(set->x.nnz == 3 && set->info.replaced == 4 && set->info.times);
    cr_expect(rated(set, "1", "1") == 3, "the latest time");
    cr_expect(rated(set, "2", "1") == 7, "equal times: the last line");
    cr_expect(rated(set, "3", "1") == 5);
    data_free(set);
    set = load("1 1 1\n1 1 3\n");
    cr_expect_eq(set->x.nnz, 1, "one user, one item");
    says(set, "1 rating of a cell that comes again later was replaced\n");
    data_free(set);
}

Test(ratings, a_line_that_is_none_has_its_place)
{
    refuses("1 2\n", 1, "expected user, item and rating, found 2 fields");
    refuses("user,item\nann,tea\n", 1, "expected user, item and rating, found 2 fields");
    refuses("user,item\n1,2,3\n", 1, "expected user, item and rating, found 2 fields");
    refuses("1 2 3 4 5\n", 1, "expected user, item, rating and time, found 5 fields");
    refuses("1 2 3\n1 2\n", 2, "expected user, item and rating, found 2 fields");
    refuses("1 2 3\n\n# x\n1 2 3 4\n", 4, "expected user, item and rating, found 4 fields");
    refuses("1 2 3 4\n1 2 3\n", 2, "expected user, item, rating and time, found 3 fields");
    refuses("1,2,3\n1,2,3,4,5,6\n", 2, "found 6 fields");
    refuses("1,2,3\n1 2 3\n", 2, "found 1 field");
    refuses("1 2 3\n1 2 five\n", 2, "the rating \"five\" is no number");
    refuses("1 2 3\n1 2 5x\n", 2, "the rating \"5x\" is no number");
    refuses("1,2,3\n1,2,\n", 2, "the rating \"\" is no number");
    refuses("1 2 3\n1 2 NaN\n", 2, "the rating \"NaN\" is not finite");
    refuses("1 2 3\n1 2 -inf\n", 2, "the rating \"-inf\" is not finite");
    refuses("1 2 3\n1 2 1e39\n", 2, "the rating \"1e39\" is not finite as a float");
    refuses("1 2 3 4\n1 2 3 noon\n", 2, "the time \"noon\" is no number");
    refuses("1 2 3 4\n1 2 3 2005-09-06\n", 2, "the time \"2005-09-06\" is no number");
    refuses("1,2,3\n,2,3\n", 2, "the user is empty");
    refuses("1,2,3\n1, ,3\n", 2, "the item is empty");
    refuses("1,2,3\n1,a\tb,3\n", 2, "the item \"a?b\" has a control character");
    refuses("1,2,3\n1\x7f,2,3\n", 2, "the user \"1?\" has a control character");
    refuses("1,2,3\n\"1,2,3\n", 2, "a quote that is not closed");
    refuses("1,2,3\n\"1\"x,2,3\n", 2, "words behind one that is");
}

Test(ratings, a_file_without_a_rating_is_refused)
{
    refuses("", 0, "the file is empty");
    refuses("\n \n\n", 0, "no line of it is a rating");
    refuses("# nothing\n", 0, "no line of it is a rating");
    refuses("user,item,rating\n", 0, "no line of it is a rating");
    scratch_refuses(scratch_bytes("a.uir", "1 2 3\n1\0 2 3\n", 13), &wanted, 2, "a control character", NULL);
}

Test(ratings, those_who_are_known_keep_their_numbers)
{
    struct data_set *train = load("u1 a 1\nu2 b 2\nu3 c 3\n");
    struct data_options options = wanted;
    options.known = train->ids;
    struct data_set *set = scratch_load(scratch_text("t.uir", "u9 c 5\nu2 z 4\nu9 a 1\n"), &options);
    cr_expect(set->x.rows == 4 && set->x.cols == 4 && set->x.nnz == 3);
    cr_expect(set->ids->known_users == 3 && set->ids->known_items == 3);
    cr_expect(number_of(&set->ids->user, "u9") == 3 && number_of(&set->ids->item, "z") == 3);
    cr_expect(number_of(&set->ids->user, "u1") == 0 && number_of(&set->ids->item, "c") == 2);
    cr_expect(rated(set, "u9", "c") == 5 && rated(set, "u2", "z") == 4 && rated(set, "u9", "a") == 1);
    cr_expect_eq(rated(set, "u1", "a"), 0);
    data_free(set);
    data_free(train);
}

Test(ratings, pairs_stay_as_they_are_in_the_file)
{
    struct data_set *set = scratch_load(scratch_text("p", "b y 2.5\na x 1\nb y 3\na y -1\n"), &pairs);
    const struct rondo_lines *lines = &set->lines;
    static const uint32_t user[] = { 0, 1, 0, 1 }, item[] = { 0, 1, 0, 0 };
    static const float rating[] = { 2.5, 1, 3, -1 };
    cr_assert(set->x.rows == 0 && lines->count == 4 && lines->rating);
    cr_expect(memcmp(lines->user, user, sizeof user) == 0 && memcmp(lines->item, item, sizeof item) == 0);
    cr_expect(memcmp(lines->rating, rating, sizeof rating) == 0);
    cr_expect(set->ids->negative_line == 4 && set->info.lines == 4 && set->info.replaced == 0);
    data_free(set);
    set = scratch_load(scratch_text("p", "b,y\na,x\n"), &pairs);
    cr_assert(set->lines.count == 2 && !set->lines.rating);
    cr_expect(set->lines.user[0] == 0 && set->lines.user[1] == 1 && set->lines.item[0] == 0 && set->lines.item[1] == 1);
    cr_expect_not(set->info.header, "names alone are no header");
    data_free(set);
    set = scratch_load(scratch_text("p", "userId,movieId\na,x\n"), &pairs);
    cr_expect(set->lines.count == 1 && set->info.header);
    data_free(set);
    set = scratch_load(scratch_text("p", "1::2::3::4\n1::2::3::4\n"), &pairs);
    cr_expect(set->lines.count == 2 && set->lines.rating);
    data_free(set);
    scratch_refuses(scratch_text("p", "1\n"), &pairs, 1, "expected user and item, found 1 field", NULL);
    scratch_refuses(scratch_text("p", "1 2\n1 2 3\n"), &pairs, 2, "expected user and item, found 3 fields", NULL);
}

static void pairs_are(const char *text, int64_t lines, const char *user, const char *item)
{
    struct data_set *set = scratch_load(scratch_text("p", text), &pairs);
    cr_expect(set->lines.count == lines && !set->lines.rating, "%s", text);
    cr_expect(number_of(&set->ids->user, user) >= 0 && number_of(&set->ids->item, item) >= 0, "%s", text);
    data_free(set);
}

/* What makes two fields of every line wins over blanks. */
Test(ratings, ids_of_pairs_may_have_blanks)
{
    static char text[(1 << 18) + 64];
    pairs_are("u001,the item 2\nu002,item\n", 2, "u001", "the item 2");
    pairs_are("# of mine\n\nu001;the item 2\r\n\nu002;a b c d e\r\n", 2, "u002", "a b c d e");
    pairs_are("u 1\tthe item\nu 2\tb c", 2, "u 2", "b c");
    pairs_are("u001::the item 2", 1, "u001", "the item 2");
    pairs_are("\xef\xbb\xbfuser id,the item\nu 1,\"it, em\"\n", 1, "u 1", "it, em");
    struct data_set *set = scratch_load(scratch_text("p", "a,b c 3\nd e 4\n"), &pairs);
    cr_expect(set->lines.rating && number_of(&set->ids->user, "a,b") == 0, "not of every line: blanks");
    data_free(set);
    /* No line behind the first 256 KiB has a say. */
    for (int i = 0; i < 1 << 18; i += 32)
        snprintf(text + i, 33, "%015d,the item 234567\n", i);
    for (int behind = 1; behind >= 0; behind--) {
        strcpy(text + (1 << 18) - (behind ? 0 : 32), "1,2 3 4\n5,6,7 8\n");
        scratch_refuses(scratch_text("p", text), &pairs, behind ? 8194 : 8193, "expected user", NULL);
    }
}

/* Lines that are read with care come between others as they stand. */
Test(ratings, each_line_comes_in_its_turn)
{
    static char text[1 << 13];
    size_t size = 0;
    for (int i = 0; i < 200; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, i % 37 == 5 ? "\"u%d\",\"i%d\",%d\n" : "u%d,i%d,%d\n",
                                 i % 90, i % 45, i == 171 ? -1 : i);
    struct data_set *set = load(text);
    cr_expect(set->x.rows == 90 && set->x.cols == 45 && set->x.nnz == 90 && set->info.lines == 200);
    cr_expect(set->ids->negative_line == 172);
    for (int i = 0; i < 90; i++) {
        char user[16], item[16];
        snprintf(user, sizeof user, "u%d", i);
        snprintf(item, sizeof item, "i%d", i % 45);
        cr_expect(number_of(&set->ids->user, user) == i && number_of(&set->ids->item, item) == i % 45);
        int last = i + (i < 20 ? 180 : 90);
        cr_expect_eq(rated(set, user, item), last == 171 ? -1 : last, "%s", user);
    }
    data_free(set);
}

/* Whatever comes before it. */
Test(ratings, of_matrix_market_the_first_line_below_0_is_known)
{
    static const struct {
        const char *text;
        int64_t line;
    } forms[] = {
        { "%%MatrixMarket matrix coordinate real general\n2 2 2\n1 1 -1\n2 2 -3\n", 3 },
        { "%%MatrixMarket matrix coordinate real general\n% a\n\n%b\n2 2 2\n\n1 1 1\n% c\n2 2 -3\n", 9 },
        { "%%MatrixMarket matrix coordinate integer general\r\n2 2 2\r\n1 1 1\r\n2 2 -3\r\n", 4 },
        { "%%MatrixMarket matrix coordinate real symmetric\n2 2 2\n1 1 1\n2 1 -0.5", 4 },
        { "%%MatrixMarket matrix coordinate double general\n2 2 1\n1 1 -1e-3\n\n\n", 3 },
        { "%%MatrixMarket matrix coordinate pattern general\n2 2 1\n1 1\n", 0 },
        { "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 -0\n", 0 },
    };
    static const char *const words[] = { "2", "9" };
    static const struct rondo_ids known = { .user = { 2, words }, .item = { 1, words } };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        for (int which = 0; which < 2; which++) {
            struct data_options options = wanted;
            options.known = which ? &known : NULL;
            struct data_set *set = scratch_load(scratch_text("r.mtx", forms[i].text), &options);
            cr_expect_eq(set->ids->negative_line, forms[i].line, "form %zu: %lld", i,
                         (long long)set->ids->negative_line);
            data_free(set);
        }
}

Test(ratings, matrix_market_coordinates_are_ratings)
{
    static const char text[] = "%%MatrixMarket matrix coordinate real general\n3 2 3\n1 2 4.5\n3 1 -2\n1 1 1\n";
    struct data_set *set = scratch_load(scratch_text("r.mtx", text), &wanted);
    cr_assert(set->x.rows == 3 && set->x.cols == 2 && set->x.nnz == 3);
    cr_expect_eq(set->info.format, DATA_MTX);
    cr_expect(rated(set, "1", "2") == 4.5 && rated(set, "3", "1") == -2 && rated(set, "1", "1") == 1);
    cr_expect(strcmp(set->ids->user.word[1], "2") == 0 && set->ids->negative_line == 4);
    says(set, "");
    struct data_options options = wanted;
    struct data_set *train = load("3 2 1\nu 9 1\n");
    options.known = train->ids;
    struct data_set *known = scratch_load(scratch_text("r.mtx", text), &options);
    cr_expect(known->x.rows == 4 && known->x.cols == 3 && known->ids->known_users == 2 && known->ids->known_items == 2);
    cr_expect(number_of(&known->ids->user, "3") == 0 && number_of(&known->ids->item, "1") == 2);
    cr_expect(rated(known, "1", "2") == 4.5 && rated(known, "3", "1") == -2 && rated(known, "1", "1") == 1);
    data_free(set);
    data_free(known);
    data_free(train);
    scratch_refuses(scratch_text("r.mtx", "%%MatrixMarket matrix array real general\n1 1\n4\n"), &wanted, 0,
                    "coordinates, not from an array", NULL);
    scratch_refuses(scratch_text("r.mtx", text), &pairs, 0, "pairs are read from lines", NULL);
    scratch_refuses(scratch_text("x", "\x93NUMPY\x01"), &wanted, 0, "not from npy", NULL);
}

static void told(const char *name, const char *text, enum data_format format)
{
    struct data_info info;
    struct rondo_error err = { 0 };
    cr_assert_eq(data_inspect(scratch_text(name, text), NULL, &info, &err), RONDO_OK, "%s: %s", name, err.what);
    cr_expect_eq(info.format, format, "%s: %s", name, text);
}

Test(ratings, are_told_where_nothing_else_fits_and_nothing_is_asked)
{
    told("a.uir", "1 2 3\n", DATA_RATINGS);
    told("a", "1\t2\t3.5\t99\n", DATA_RATINGS);
    told("a.txt", "u::i::4\n", DATA_RATINGS);
    told("a.csv", "user,item,rating\n1,2,3\n", DATA_RATINGS);
    told("a.svm", "1 2:3 4:5\n", DATA_SVMLIGHT);
    told("a", "1 2:3\n", DATA_SVMLIGHT);
    told("a.dat", "1\n2 1:4\n", DATA_SVMLIGHT);
    told("a", "2\n3\n1\n1 3 4\n", DATA_DOCWORD);
    scratch_refuses(scratch_text("x.csv", "1,2,3\n"), &scratch_one, 0, "looks like CSV", NULL);
    cr_expect_eq(data_format_by_name("r.csv.gz"), DATA_RATINGS);
}

/* ---- large ones ------------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

enum { NO_TIMES, SECONDS, ANY_TIMES /* from some line on, not in each piece, some are no whole seconds */ };

/* New users and items turn up to the end, cells come again. */
static char *large(size_t *size, int lines, int times)
{
    char *text = malloc((size_t)lines * 48);
    uint64_t state = 1;
    *size = 0;
    for (int i = 0; i < lines; i++) {
        uint64_t user = next_random(&state) % (uint64_t)(i / 8 + 9), item = next_random(&state) % (uint64_t)(i / 64 + 3);
        int half = (int)(next_random(&state) % 10), time = (int)(next_random(&state) % 1000);
        static const char *const odd[] = { "", ".25", "e9", ".5" };
        const char *rest = times == ANY_TIMES && i > lines / 3 && i % 5000 > 4000 ? odd[time % 4] : "";
        *size += (size_t)sprintf(text + *size, times ? "u%llu %llu 1%d.%d %d%s\n" : "u%llu,%llu,1%d.%d\n",
                                 (unsigned long long)user, (unsigned long long)item, half / 2, half % 2 * 5,
                                 *rest && time % 3 == 0 ? -time : time, rest);
    }
    return text;
}

static struct data_set *load_by(const char *path, int32_t threads, size_t batch, bool dense)
{
    struct stream s;
    struct rondo_error err = { 0 };
    struct data_set *set = mem_calloc(1, sizeof *set);
    cr_assert_eq(stream_open(&s, path, &err), RONDO_OK);
    cr_assert_eq(ratings_load_by(&s, dense ? &pairs : &wanted, threads, batch, set, &err), RONDO_OK, "%s", err.what);
    stream_close(&s);
    data_describe(set);
    return set;
}

static void expect_same(const struct data_set *a, const struct data_set *b)
{
    cr_expect(a->x.rows == b->x.rows && a->x.cols == b->x.cols && a->x.nnz == b->x.nnz);
    cr_expect(a->info.lines == b->info.lines && a->info.replaced == b->info.replaced
              && a->ids->negative_line == b->ids->negative_line);
    cr_expect_eq(fingerprint_set(FINGERPRINT_BEGIN, a), fingerprint_set(FINGERPRINT_BEGIN, b));
    const size_t bytes = (size_t)a->lines.count * 4;
    cr_assert(a->lines.count == b->lines.count && !a->lines.rating == !b->lines.rating);
    cr_expect(!bytes || memcmp(a->lines.user, b->lines.user, bytes) == 0);
    cr_expect(!bytes || memcmp(a->lines.item, b->lines.item, bytes) == 0);
    cr_expect(!bytes || !a->lines.rating || memcmp(a->lines.rating, b->lines.rating, bytes) == 0);
}

/* Cell by cell, by a table of what was read last. */
static void expect_right(const struct data_set *set, const char *text, bool times)
{
    int64_t rows = set->x.rows, cols = set->x.cols;
    double *value = calloc((size_t)(rows * cols), sizeof *value), *time = calloc((size_t)(rows * cols), sizeof *time);
    static int64_t row[4096], col[4096]; /* of an id's number */
    int64_t cells = 0;
    for (int64_t i = 0; i < rows; i++)
        row[strtoll(set->ids->user.word[i] + 1, NULL, 10)] = i;
    for (int64_t j = 0; j < cols; j++)
        col[strtoll(set->ids->item.word[j], NULL, 10)] = j;
    for (const char *at = text; *at; at = strchr(at, '\n') + 1) {
        char *end;
        int64_t i = row[strtoll(at + 1, &end, 10)], j = col[strtoll(end + 1, &end, 10)];
        double v = strtod(end + 1, &end), t = times ? strtod(end + 1, &end) : 0;
        int64_t cell = i * cols + j;
        if (value[cell] == 0 || t >= time[cell]) {
            cells += value[cell] == 0;
            value[cell] = v;
            time[cell] = t;
        }
    }
    cr_expect_eq(set->x.nnz, cells);
    int64_t wrong = 0;
    for (int64_t j = 0; j < cols; j++)
        for (int64_t at = set->x.colptr[j]; at < set->x.colptr[j + 1]; at++) {
            wrong += set->x.values[at] != value[set->x.rowidx[at] * cols + j];
            wrong += at > set->x.colptr[j] && set->x.rowidx[at - 1] >= set->x.rowidx[at];
        }
    cr_expect_eq(wrong, 0);
    free(value), free(time);
}

Test(ratings, any_number_of_threads_reads_the_same, .timeout = 600)
{
    for (int times = NO_TIMES; times <= ANY_TIMES; times++) {
        size_t size;
        char *text = large(&size, 30000, times);
        text[size] = 0;
        const char *path = scratch_bytes("large", text, size);
        struct data_set *one = load_by(path, 1, size + 1, false), *dense = load_by(path, 1, size + 1, true);
        cr_expect_eq(dense->lines.count, 30000);
        expect_right(one, text, times);
        cr_expect_gt(one->info.replaced, 0);
        static const int32_t threads[] = { 1, 2, 3, 7 };
        for (int t = 0; t < 4; t++)
            for (size_t batch = 70000; batch < 4 * size; batch *= 5) {
                struct data_set *other = load_by(path, threads[t], batch, false);
                expect_same(one, other);
                data_free(other);
                other = load_by(path, threads[t], batch, true);
                expect_same(dense, other);
                data_free(other);
            }
        data_free(one);
        data_free(dense);
        free(text);
    }
}

Test(ratings, the_lowest_wrong_line_is_told_whatever_the_threads)
{
    size_t size;
    char *text = large(&size, 30000, NO_TIMES);
    for (int which = 0; which < 2; which++) { /* the later one first */
        char *at = text + size * (size_t)(2 - which) / 3;
        at = (char *)memchr(at, '\n', size) + 1;
        *at = ',';
        int line = 1;
        for (char *c = text; c < at; c++)
            line += *c == '\n';
        const char *path = scratch_bytes("large", text, size);
        for (int32_t threads = 1; threads <= 7; threads += 2) {
            struct stream s;
            char where[1100];
            struct rondo_error err = { 0 };
            struct data_set set = { .ids = NULL };
            cr_assert_eq(stream_open(&s, path, &err), RONDO_OK);
            cr_expect_eq(ratings_load_by(&s, &wanted, threads, size / 5, &set, &err), RONDO_EINPUT);
            stream_close(&s);
            snprintf(where, sizeof where, "%s:%d", path, line);
            cr_expect_str_eq(err.where, where);
        }
    }
    free(text);
}

Test(ratings, a_line_that_does_not_end_is_refused)
{
    char text[3000] = "1 2 3\n";
    memset(text + 6, '7', 2000);
    struct stream s;
    struct rondo_error err = { 0 };
    struct data_set set = { .ids = NULL };
    const char *path = scratch_text("a", text);
    cr_assert_eq(stream_open(&s, path, &err), RONDO_OK);
    cr_expect_eq(ratings_load_by(&s, &wanted, 2, 1000, &set, &err), RONDO_EINPUT);
    cr_expect(strstr(err.what, "longer than 1000 bytes") && strstr(err.where, ":2"), "%s: %s", err.where, err.what);
    stream_close(&s);
}

Test(ratings, compressed_ones_are_the_same_and_must_be_whole)
{
    size_t size;
    char *text = large(&size, 20000, false);
    struct data_set *plain = load_by(scratch_bytes("a", text, size), 2, size / 3, false);
    const char *path = scratch_path("a.gz");
    gzFile gz = gzopen(path, "wb");
    gzwrite(gz, text, (unsigned)size);
    gzclose(gz);
    struct data_set *other = load_by(path, 2, size / 3, false);
    expect_same(plain, other);
    data_free(other);
    FILE *file = fopen(path, "rb");
    size_t bytes = fread(text, 1, size, file);
    fclose(file);
    for (size_t cut = bytes - 1; cut > bytes / 2; cut -= bytes / 7)
        scratch_refuses(scratch_bytes("cut.gz", text, cut), &wanted, 0, "the gzip data are truncated", NULL);
    free(text);
    text = large(&size, 20000, false);
    size_t room = ZSTD_compressBound(size);
    char *packed = malloc(room);
    room = ZSTD_compress(packed, room, text, size, 1);
    other = load_by(scratch_bytes("a.zst", packed, room), 3, size / 4, false);
    expect_same(plain, other);
    data_free(other);
    data_free(plain);
    free(packed);
    free(text);
}

Test(ratings, a_name_is_part_of_the_digest)
{
    struct data_set *a = load("1 2 3\n"), *b = load("1 2 3\n"), *c = load("1 4 3\n");
    cr_expect_eq(fingerprint_set(FINGERPRINT_BEGIN, a), fingerprint_set(FINGERPRINT_BEGIN, b));
    cr_expect_neq(fingerprint_set(FINGERPRINT_BEGIN, a), fingerprint_set(FINGERPRINT_BEGIN, c));
    data_free(a), data_free(b), data_free(c);
}

/* Ids whose hash by a known constant is one: each would be compared with all of the others. */
Test(ratings, nobody_can_make_ids_that_fall_together)
{
    enum { IDS = 1000 };
    struct ids ids = { 0 };
    for (uint64_t i = 1; ids.count < IDS; i++) {
        unsigned char text[17] = { 0 };
        uint64_t first = i * UINT64_C(0x9e3779b97f4a7c15), key = first * UINT64_C(0xff51afd7ed558ccd);
        uint64_t second = key ^ key >> 32 ^ UINT64_C(0xd8a7b6e5d4c3b2a1);
        memcpy(text, &first, 8);
        memcpy(text + 8, &second, 8);
        if (strlen((char *)text) < 16)
            continue;
        cr_assert_eq(ids_add(&ids, ids_key((char *)text, 16), (char *)text, 16), RONDO_OK);
        cr_assert_eq(ids_find(&ids, ids_key((char *)text, 16), (char *)text, 16), ids.count - 1);
    }
    uint64_t mask = (UINT64_C(1) << ids.bits) - 1, most = 0;
    for (uint64_t at = 0; at <= mask; at++) {
        uint64_t far = (at - ids_place(ids.slot[at].key, ids.bits)) & mask;
        most = ids.slot[at].size && far > most ? far : most;
    }
    cr_expect_lt(most, 100);
    ids_fini(&ids);
}
