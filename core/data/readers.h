/* readers.h - what a format's reader gives to data.c: a header at the least, the matrix in full.
 *
 * Place:   core/data, floor 1; npy.c, svmlight.c, mtx.c, docword.c, plink.c, phenotype.c and ratings.c
 *          implement it, data.c calls it.
 * Threads: one.
 * Memory:  a load fills *set as it goes; after an error data_free cleans up what is there.
 */
#ifndef READERS_H
#define READERS_H

#include "core/data/data.h"
#include "core/data/stream.h"

/* Each begins at the first byte of the stream.  inspect fills rows, cols, nnz, sparse, labels and
 * bytes of *info. */
int npy_inspect(struct stream *s, const struct data_options *options, struct data_info *info,
                struct rondo_error *err);
int npy_load(struct stream *s, const struct data_options *options, struct data_set *set,
             struct rondo_error *err);
int svmlight_inspect(struct stream *s, const struct data_options *options, struct data_info *info,
                     struct rondo_error *err);
int svmlight_load(struct stream *s, const struct data_options *options, struct data_set *set,
                  struct rondo_error *err);
int mtx_inspect(struct stream *s, const struct data_options *options, struct data_info *info,
                struct rondo_error *err);
int mtx_load(struct stream *s, const struct data_options *options, struct data_set *set,
             struct rondo_error *err);
/* Does it begin as a docword file does? */
bool docword_is(const struct stream *s);
int docword_inspect(struct stream *s, const struct data_options *options, struct data_info *info,
                    struct rondo_error *err);
int docword_load(struct stream *s, const struct data_options *options, struct data_set *set,
                 struct rondo_error *err);
/* Does it begin as a .rdm does? */
bool rdm_is(const struct stream *s);
int rdm_inspect(struct stream *s, const struct data_options *options, struct data_info *info,
                struct rondo_error *err);
int rdm_load(struct stream *s, const struct data_options *options, struct data_set *set,
             struct rondo_error *err);
int bed_inspect(struct stream *s, const struct data_options *options, struct data_info *info,
                struct rondo_error *err);
int bed_load(struct stream *s, const struct data_options *options, struct data_set *set,
             struct rondo_error *err);
/* Is this a table of phenotypes, and are there people to match it to? */
bool phenotype_is_table(const struct stream *s, const struct data_options *options);
/* As data_names. */
int phenotype_names(const char *path, void (*each)(void *context, int64_t column, const char *name),
                    void *context, struct rondo_error *err);
int phenotype_inspect(struct stream *s, const struct data_options *options, struct data_info *info,
                      struct rondo_error *err);
int phenotype_load(struct stream *s, const struct data_options *options, struct data_set *set,
                   struct rondo_error *err);
/* Do its first two lines that say something look like ratings: three or four fields, the third a number? */
bool ratings_is(const struct stream *s);
/* Costs what a load costs: who they are is known behind the last line alone. */
int ratings_inspect(struct stream *s, const struct data_options *options, struct data_info *info,
                    struct rondo_error *err);
int ratings_load(struct stream *s, const struct data_options *options, struct data_set *set,
                 struct rondo_error *err);
/* A matrix of coordinates becomes ratings: ids are its numbers from 1, those that are known keep theirs. */
int ratings_of_matrix(struct data_set *set, const struct rondo_ids *known, int64_t negative_line, const char *path,
                      struct rondo_error *err);

/* Ratings, mapped or not, get the numbers of those that are known; new ids come behind, in their order. */
int ratings_renumber(struct data_set *set, const struct rondo_ids *known, const char *path,
                     struct rondo_error *err);

/* Refuses a shape that is empty, too large, or no vector where one is wanted. */
int data_check_shape(const char *path, const struct data_options *options, int64_t rows,
                     int64_t cols, struct rondo_error *err) RONDO_MUST_CHECK;

/* Refuses a value that is no count, where counts are wanted; the stream is at its token. */
int data_check_count(const struct stream *s, const struct data_options *options, double value,
                     struct rondo_error *err) RONDO_MUST_CHECK;
/* Refuses a file of every value where counts are wanted. */
int data_check_sparse(const char *path, const struct data_options *options, bool sparse,
                      struct rondo_error *err) RONDO_MUST_CHECK;

/* Inspects by a load, where less does not tell the shape. */
int data_inspect_whole(int (*load)(struct stream *, const struct data_options *, struct data_set *,
                                   struct rondo_error *),
                       struct stream *s, const struct data_options *options, struct data_info *info,
                       struct rondo_error *err) RONDO_MUST_CHECK;

/* Says the loaded matrix's shape in set->info. */
void data_describe(struct data_set *set);

#endif
