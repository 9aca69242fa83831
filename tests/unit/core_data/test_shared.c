/* Real files, where RONDO_SHARED names the folder that has them; sums come from NumPy and
 * scikit-learn. */
#include "tests/unit/core_data/scratch.h"

static const struct shared {
    const char *name;
    int64_t rows, cols, nnz;
    double sum;
} files[] = {
    { "news20.svm.gz", 15935, 62061, 1272569, 1852082 },
    { "leukemia.X.npy", 72, 7129, 513288, 318124975 },
    { "leukemia.y.npy", 72, 1, 72, 25 },
    { "lasso500by1K.X.mtx", 500, 1000, 20000, 0 },
};

Test(shared, real_files_have_the_shapes_and_sums_that_others_read)
{
    const char *folder = getenv("RONDO_SHARED");
    char path[1024];
    for (size_t k = 0; k < sizeof files / sizeof files[0]; k++) {
        snprintf(path, sizeof path, "%s/data/lasso/%s", folder ? folder : "", files[k].name);
        if (!folder || access(path, R_OK))
            cr_skip_test("RONDO_SHARED names no folder with the real data");
        struct data_set *set = scratch_load(path, &scratch_one);
        double sum = 0;
        cr_expect(set->x.rows == files[k].rows && set->x.cols == files[k].cols);
        cr_expect_eq(set->x.nnz, files[k].nnz);
        for (int64_t j = 0; j < set->x.cols; j++)
            for (int64_t i = 0; i < (set->x.sparse ? set->x.colptr[j + 1] - set->x.colptr[j]
                                                   : set->x.rows); i++)
                sum += set->x.sparse ? set->x.values[set->x.colptr[j] + i]
                                     : set->x.dense[i + j * set->x.ld];
        cr_expect_float_eq(sum, files[k].sum, 1e-9, "%s: %.17g", files[k].name, sum);
        data_free(set);
    }
}
