/* The shelf gives what data_load gives, to the bit, whatever became of its files. */
#include "core/data/shelf.h"

#include "core/base/log.h"
#include "core/data/fingerprint.h"
#include "tests/unit/core_data/scratch.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static char shelf_dir[600];

static void begin(void)
{
    scratch_begin();
    snprintf(shelf_dir, sizeof shelf_dir, "%s/shelf", scratch_dir);
    cr_assert_eq(mkdir(shelf_dir, 0700), 0);
    log_set_level(LOG_WARNING);
}

/* The one name on the shelf that ends so, or NULL; what was found is counted. */
static const char *on_shelf(const char *ending, int *count)
{
    static char path[1200];
    DIR *dir = opendir(shelf_dir);
    *count = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        const char *dot = strchr(entry->d_name + 1, '.');
        if (!dot || strcmp(dot, ending) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", shelf_dir, entry->d_name);
        ++*count;
    }
    if (dir)
        closedir(dir);
    return *count ? path : NULL;
}

static void clear(void)
{
    char path[1200];
    DIR *dir = opendir(shelf_dir);
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", shelf_dir, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove(path);
    }
    if (dir)
        closedir(dir);
}

static void end(void)
{
    clear();
    rmdir(shelf_dir);
    scratch_end();
}

TestSuite(shelf, .init = begin, .fini = end);

/* Until its times tell this version of a file from the next. */
static const char *settled(const char *path)
{
    const struct timespec pause = { 0, 120000000L };
    nanosleep(&pause, NULL);
    return path;
}

static void generate(const char *path, enum data_design design, int64_t rows, uint64_t seed)
{
    const struct data_recipe recipe = { .design = design, .rows = rows, .cols = 150, .block = 10,
                                        .rho = 0.5, .density = 0.3, .causes = 2, .amplitude = 1,
                                        .noise = 1, .seed = seed };
    struct data_set *set;
    double *truth;
    struct rondo_error err = { 0 };
    cr_assert_eq(data_generate(&recipe, &set, &truth, &err), RONDO_OK);
    cr_assert_eq(data_write(path, &set->x, set->labels.dense, &err), RONDO_OK, "%s", err.what);
    data_free(set);
    mem_free(truth);
}

static char sparse[1100];

static void make_sparse(void)
{
    snprintf(sparse, sizeof sparse, "%s", scratch_path("x.svm"));
    generate(sparse, DATA_DESIGN_SPARSE, 300, 1);
    settled(sparse);
}

/* ---- what must be the same --------------------------------------------------------------------- */

static bool same_array(const void *a, const void *b, size_t size)
{
    return (!a && !b) || (a && b && memcmp(a, b, size) == 0);
}

static bool same_matrix(const struct rondo_matrix *a, const struct rondo_matrix *b)
{
    if (a->rows != b->rows || a->cols != b->cols || a->nnz != b->nnz || a->sparse != b->sparse
        || a->ld != b->ld || a->bytes != b->bytes)
        return false;
    return same_array(a->dense, b->dense, (size_t)(a->ld * a->cols) * sizeof(double))
           && same_array(a->colptr, b->colptr, (size_t)(a->cols + 1) * sizeof(int64_t))
           && same_array(a->rowidx, b->rowidx, (size_t)a->nnz * sizeof(int32_t))
           && same_array(a->values, b->values, (size_t)a->nnz * sizeof(double));
}

static bool same(const struct data_set *a, const struct data_set *b)
{
    return same_matrix(&a->x, &b->x) && same_matrix(&a->labels, &b->labels)
           && a->info.format == b->info.format && a->info.labels == b->info.labels
           && a->info.bytes == b->info.bytes && a->info.nnz == b->info.nnz
           && strcmp(a->info.compression, b->info.compression) == 0
           && fingerprint_set(FINGERPRINT_BEGIN, a) == fingerprint_set(FINGERPRINT_BEGIN, b);
}

/* Loads by the shelf and without; says whether it was mapped. */
static bool comes_right(const char *path, const struct data_options *options)
{
    struct rondo_error err = { 0 };
    struct data_set *plain, *set = NULL;
    int64_t live = mem_live();
    cr_assert_eq(data_load(path, options, &plain, &err), RONDO_OK, "%s", err.what);
    cr_assert_eq(shelf_load(shelf_dir, path, options, &set, &err), RONDO_OK, "%s", err.what);
    cr_expect(same(plain, set), "%s is not the same", path);
    bool mapped = set->map != NULL;
    cr_expect(!mapped || (uintptr_t)set->x.values % 64 == 0);
    data_free(set);
    data_free(plain);
    cr_expect_eq(mem_live(), live);
    return mapped;
}

static ino_t file_on_shelf(void)
{
    int count;
    struct stat info = { 0 };
    const char *path = on_shelf(".rdm", &count);
    cr_assert_eq(count, 1, "%d files on the shelf", count);
    cr_assert_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_mode & 07777, 0600);
    on_shelf(".lock", &count);
    cr_expect_eq(count, 0, "a lock is left");
    return info.st_ino;
}

static void comes_and_stays(const char *path, const struct data_options *options)
{
    cr_expect(comes_right(path, options), "%s was not kept", path);
    ino_t first = file_on_shelf();
    cr_expect(comes_right(path, options), "%s was not found", path);
    cr_expect_eq(file_on_shelf(), first, "%s was parsed twice", path);
    clear();
}

Test(shelf, sparse_dense_and_labels_come_back_bit_by_bit)
{
    static const char *const names[] = { "x.svm", "x.svm.gz", "x.mtx" };
    char path[1100];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s", scratch_path(names[i]));
        generate(path, DATA_DESIGN_SPARSE, 300, 1);
        comes_and_stays(settled(path), &scratch_one);
    }
    snprintf(path, sizeof path, "%s", scratch_path("dense.mtx"));
    generate(path, DATA_DESIGN_AR, 100, 1); /* columns are padded */
    comes_and_stays(settled(path), &scratch_one);
    comes_and_stays(path, NULL);
}

Test(shelf, vectors_and_index_bases_are_kept_apart)
{
    char path[1100];
    snprintf(path, sizeof path, "%s", scratch_path("y.txt"));
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 20000; i++)
        fprintf(file, "%d.5\n", i);
    cr_assert_eq(fclose(file), 0);
    comes_and_stays(settled(path), &scratch_vector);
    make_sparse();
    cr_expect(comes_right(sparse, &scratch_one) && comes_right(sparse, &scratch_zero));
    cr_expect(comes_right(sparse, &scratch_one) && comes_right(sparse, &scratch_zero));
    int count;
    on_shelf(".rdm", &count);
    cr_expect_eq(count, 2);
}

Test(shelf, what_is_read_as_fast_without_is_not_kept)
{
    char path[1100];
    snprintf(path, sizeof path, "%s", scratch_path("dense.npy"));
    generate(path, DATA_DESIGN_AR, 100, 1);
    cr_expect_not(comes_right(settled(path), &scratch_one));
    cr_expect_not(comes_right(settled(scratch_text("s.svm", "1 1:2\n")), &scratch_one));
    int count;
    on_shelf(".rdm", &count);
    cr_expect_eq(count, 0);
}

/* So many documents of four entries, the last two the same, and every tenth in its place twice. */
static void make_docword(const char *path, int documents)
{
    FILE *file = fopen(path, "w");
    fprintf(file, "%d\n%d\n%d\n", documents + 1, 5000, 4 * documents);
    for (int i = 0; i < documents; i++) {
        int document = i % 10 ? i + 1 : documents - i;
        for (int k = 0; k < 4; k++)
            fprintf(file, "%d %d %d\n", document, (i * 31 + (k < 3 ? k : 2)) % 5000 + 1, k + 1);
    }
    cr_assert_eq(fclose(file), 0);
}

static void remember(void *context, const char *text)
{
    char *all = context;
    size_t size = strlen(all);
    snprintf(all + size, 600 - size, "%s\n", text);
}

Test(shelf, what_is_to_be_said_of_counts_is_kept_with_them)
{
    char path[1100], said[2][600] = { "", "" };
    const struct data_options counts = { .index_base = 1, .counts = true };
    snprintf(path, sizeof path, "%s", scratch_path("d.txt"));
    make_docword(path, 5000);
    comes_and_stays(settled(path), &counts);
    for (int i = 0; i < 2; i++) {
        struct rondo_error err = { 0 };
        struct data_set *set;
        cr_assert_eq(shelf_load(shelf_dir, path, &counts, &set, &err), RONDO_OK);
        cr_expect(set->info.unsorted > 400 && set->info.summed >= 5000);
        cr_expect_eq(data_remarks(set, remember, said[i], &err), RONDO_OK);
        data_free(set);
    }
    cr_expect(strstr(said[0], "out of order") && strstr(said[0], "summed") && strstr(said[0], "are empty: kept"),
              "%s", said[0]);
    cr_expect_str_eq(said[0], said[1]);
}

Test(shelf, what_was_not_looked_at_for_counts_is_no_counts)
{
    const struct data_options counts = { .index_base = 1, .counts = true };
    struct rondo_error err = { 0 };
    struct data_set *set = NULL;
    make_sparse();
    cr_expect(comes_right(sparse, &scratch_one));
    cr_expect_eq(shelf_load(shelf_dir, sparse, &counts, &set, &err), RONDO_EINPUT);
    cr_expect(strstr(err.what, "counts are whole numbers") != NULL, "%s", err.what);
}

/* ---- other versions of the data --------------------------------------------------------------- */

static void rewrite(const char *path, long at, char byte)
{
    int fd = open(path, O_WRONLY);
    cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

Test(shelf, a_changed_file_is_parsed_anew)
{
    make_sparse();
    cr_expect(comes_right(sparse, &scratch_one));
    rewrite(sparse, 0, '7'); /* the first label's first character; nothing else */
    cr_expect_not(comes_right(sparse, &scratch_one), "its times may not tell this version yet");
    settled(sparse);
    cr_expect(comes_right(sparse, &scratch_one));
    cr_expect(comes_right(sparse, &scratch_one));
}

Test(shelf, what_is_no_matrix_is_said_as_without)
{
    char path[1100];
    struct rondo_error err = { 0 };
    struct data_set *set = NULL;
    make_sparse();
    snprintf(path, sizeof path, "%s", sparse);
    rewrite(path, 0, 'x');
    settled(path);
    int64_t live = mem_live();
    cr_expect_eq(shelf_load(shelf_dir, path, &scratch_one, &set, &err), RONDO_EINPUT);
    cr_expect(strstr(err.where, "x.svm:1") != NULL, "%s", err.where);
    cr_expect_null(set);
    err = (struct rondo_error){ 0 };
    cr_expect_eq(shelf_load(shelf_dir, scratch_path("no.svm"), NULL, &set, &err), RONDO_EINPUT);
    cr_expect_eq(mem_live(), live);
    int count;
    on_shelf(".lock", &count);
    cr_expect_eq(count, 0);
}

/* ---- what becomes of its files ------------------------------------------------------------------- */

static const char *kept(void)
{
    int count;
    const char *path = on_shelf(".rdm", &count);
    cr_assert_eq(count, 1);
    return path;
}

/* It is replaced, and the data are right before and after. */
static void is_replaced(const char *what)
{
    struct stat info, replaced;
    cr_assert_eq(lstat(kept(), &info), 0);
    cr_expect(comes_right(sparse, &scratch_one), "%s: not replaced", what);
    cr_assert_eq(lstat(kept(), &replaced), 0);
    cr_expect_neq(replaced.st_ino, info.st_ino, "%s: it was used", what);
    cr_expect_eq(replaced.st_mode & 07777, 0600);
    cr_expect(comes_right(sparse, &scratch_one));
}

Test(shelf, short_and_long_files_are_replaced)
{
    struct stat info;
    make_sparse();
    cr_expect(comes_right(sparse, &scratch_one));
    cr_assert_eq(stat(kept(), &info), 0);
    const off_t lengths[] = { 0, 10, 255, info.st_size / 2, info.st_size - 1, info.st_size + 1 };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        cr_assert_eq(truncate(kept(), lengths[i]), 0);
        is_replaced("another length");
    }
}

Test(shelf, one_damaged_byte_anywhere_is_seen)
{
    struct stat info;
    make_sparse();
    cr_expect(comes_right(sparse, &scratch_one));
    cr_assert_eq(stat(kept(), &info), 0);
    /* Magic, version, order, bytes, digest, format, coding, key, rows, offset; then the arrays: those
     * of 150 columns begin at 256, the rest fills the file. */
    const long places[] = { 0, 8, 12, 16, 24, 32, 36, 40, 104, 150, 256, 256 + 150 * 8, 256 + 1300,
                            (long)info.st_size / 2, (long)info.st_size - 2000 };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int fd = open(kept(), O_RDWR);
        char byte;
        cr_assert_eq(pread(fd, &byte, 1, places[i]), 1);
        byte ^= 0x10;
        cr_assert_eq(pwrite(fd, &byte, 1, places[i]), 1);
        close(fd);
        is_replaced("a damaged byte");
    }
}

Test(shelf, padding_that_is_not_zero_is_seen)
{
    snprintf(sparse, sizeof sparse, "%s", scratch_path("dense.mtx"));
    generate(sparse, DATA_DESIGN_AR, 100, 1);
    settled(sparse);
    cr_expect(comes_right(sparse, &scratch_one));
    rewrite(kept(), 256 + 100 * 8, 1);
    is_replaced("padding");
}

Test(shelf, files_of_others_and_links_are_not_used)
{
    make_sparse();
    cr_expect(comes_right(sparse, &scratch_one));
    cr_assert_eq(chmod(kept(), 0620), 0);
    is_replaced("writable by the group");
    cr_assert_eq(chmod(kept(), 0602), 0);
    is_replaced("writable by all");
    if (geteuid() == 0 && chown(kept(), 65534, 65534) == 0)
        is_replaced("somebody else's");
    char path[1200];
    snprintf(path, sizeof path, "%s", kept());
    cr_assert_eq(rename(path, scratch_path("elsewhere")), 0);
    cr_assert_eq(symlink(scratch_path("elsewhere"), path), 0);
    is_replaced("a link");
    cr_expect(comes_right(sparse, &scratch_zero));
}

Test(shelf, a_file_under_another_key_is_not_used)
{
    make_sparse();
    cr_expect(comes_right(sparse, &scratch_zero));
    cr_assert_eq(rename(kept(), scratch_path("other")), 0);
    cr_expect(comes_right(sparse, &scratch_one));
    cr_assert_eq(rename(scratch_path("other"), kept()), 0);
    is_replaced("another key's");
}

Test(shelf, without_a_place_the_data_are_read_all_the_same)
{
    make_sparse();
    struct rondo_error err = { 0 };
    struct data_set *set = NULL;
    const char *const places[] = { NULL, sparse };
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(shelf_load(places[i], sparse, &scratch_one, &set, &err), RONDO_OK);
        cr_expect_null(set->map);
        data_free(set);
    }
    cr_assert_eq(chmod(shelf_dir, 0770), 0);
    cr_expect_not(comes_right(sparse, &scratch_one), "others may write there");
    cr_assert_eq(chmod(shelf_dir, 0700), 0);
}

Test(shelf, a_removed_file_stays_with_who_has_mapped_it)
{
    make_sparse();
    struct rondo_error err = { 0 };
    struct data_set *set, *plain;
    cr_assert_eq(data_load(sparse, &scratch_one, &plain, &err), RONDO_OK);
    cr_assert_eq(shelf_load(shelf_dir, sparse, &scratch_one, &set, &err), RONDO_OK);
    cr_assert_not_null(set->map);
    clear();
    cr_expect(same(set, plain));
    data_free(set);
    data_free(plain);
}

/* ---- memory ----------------------------------------------------------------------------------------- */

/* A failing allocation is either the load's own, or costs the shelf alone. */
static void survives(bool cold)
{
    struct data_set *plain;
    struct rondo_error err = { 0 };
    cr_assert_eq(data_load(sparse, &scratch_one, &plain, &err), RONDO_OK);
    for (uint64_t k = 1;; k++) {
        struct data_set *set = NULL;
        if (cold)
            clear();
        int64_t live = mem_live();
        uint64_t asked = mem_count();
        err = (struct rondo_error){ 0 };
        mem_fail_at(k);
        int code = shelf_load(shelf_dir, sparse, &scratch_one, &set, &err);
        mem_fail_at(0);
        cr_assert(code == RONDO_ENOMEM || (code == RONDO_OK && same(set, plain)), "%llu",
                  (unsigned long long)k);
        data_free(set);
        cr_assert_eq(mem_live(), live);
        if (mem_count() - asked < k)
            break;
    }
    data_free(plain);
}

Test(shelf, every_failing_allocation_is_survived)
{
    make_sparse();
    survives(true);
    survives(false);
}

/* ---- several processes -------------------------------------------------------------------------------- */

/* A child that loads, as soon as the pipe `go` is closed, or NULL: now; 0: right and mapped. */
static pid_t load_in_child(const int *go)
{
    pid_t child = fork();
    if (child)
        return child;
    struct rondo_error err = { 0 };
    struct data_set *set = NULL, *plain = NULL;
    char byte;
    if (go)
        close(go[1]);
    while (go && read(go[0], &byte, 1) > 0)
        ;
    if (shelf_load(shelf_dir, sparse, &scratch_one, &set, &err) || !set->map)
        _exit(1);
    _exit(data_load(sparse, &scratch_one, &plain, &err) || !same(set, plain) ? 2 : 0);
}

static int lines_with(const char *path, const char *words)
{
    char line[2048];
    int count = 0;
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file))
        count += strstr(line, words) != NULL;
    fclose(file);
    return count;
}

Test(shelf, of_processes_that_begin_together_one_parses)
{
    enum { CHILDREN = 6 };
    pid_t child[CHILDREN];
    int go[2], status;
    char said[1100];
    make_sparse();
    snprintf(said, sizeof said, "%s", scratch_path("said"));
    cr_assert_not_null(freopen(said, "a", stderr));
    setvbuf(stderr, NULL, _IONBF, 0); /* children end by _exit */
    log_set_level(LOG_INFO);
    cr_assert_eq(pipe(go), 0);
    for (int i = 0; i < CHILDREN; i++)
        child[i] = load_in_child(go);
    close(go[1]);
    for (int i = 0; i < CHILDREN; i++) {
        cr_assert_eq(waitpid(child[i], &status, 0), child[i]);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child %d: %x", i, status);
    }
    close(go[0]);
    cr_expect_eq(lines_with(said, "is parsed, and kept"), 1);
    cr_expect_eq(lines_with(said, "for this process alone"), 0);
    file_on_shelf();
}

/* Holds the lock until it is killed. */
static pid_t hold(const char *lock)
{
    int told[2];
    char byte;
    cr_assert_eq(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        int fd = open(lock, O_RDWR | O_CREAT, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) || write(told[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(told[1]);
    cr_assert_eq(read(told[0], &byte, 1), 1);
    close(told[0]);
    return child;
}

Test(shelf, who_waits_goes_on_when_the_holder_is_killed)
{
    char lock[1300];
    int status;
    make_sparse();
    cr_expect(comes_right(sparse, &scratch_one));
    snprintf(lock, sizeof lock, "%s", kept());
    cr_assert_eq(unlink(lock), 0);
    memcpy(strstr(lock, ".rdm"), ".lock", 6);
    pid_t holder = hold(lock), waiter = load_in_child(NULL);
    const struct timespec pause = { 0, 300000000L };
    nanosleep(&pause, NULL);
    cr_expect_eq(waitpid(waiter, &status, WNOHANG), 0, "it did not wait");
    kill(holder, SIGKILL);
    cr_assert_eq(waitpid(holder, &status, 0), holder);
    cr_assert_eq(waitpid(waiter, &status, 0), waiter);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", status);
    file_on_shelf();
}
