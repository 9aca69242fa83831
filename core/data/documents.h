/* documents.h - made documents whose topics are known.
 *
 * Place:   core/data, floor 1; used by tools/made.c and tests.
 * Threads: one.
 * Memory:  beside what is returned, topics x words numbers and one document.
 *
 * A document has shares of the topics, theta ~ Dirichlet(alpha), and a length ~ Poisson(tokens); each of
 * its tokens draws a topic k by theta and a word by phi_k, as latent Dirichlet allocation has it (Blei,
 * Ng, Jordan, JMLR 3, 2003).
 *   bars  words are the places of a square, topics its rows and then its columns, each of them uniform
 *         (Griffiths, Steyvers, PNAS 101, 2004)
 *   zipf  phi_k ~ Dirichlet(beta words p), where p_w falls as 1 / (w + 1): frequent words are frequent in
 *         every topic, rare ones in few
 */
#ifndef DOCUMENTS_H
#define DOCUMENTS_H

#include "core/data/data.h"

enum documents_design { DOCUMENTS_BARS, DOCUMENTS_ZIPF };

struct documents_recipe {
    enum documents_design design;
    int64_t documents, words;
    int64_t topics; /* zipf */
    double tokens;  /* the mean length of a document */
    double alpha;
    double beta;    /* zipf: the mean over words */
    uint64_t seed;
};

/* Of bars two for each row of the square. */
int64_t documents_topics(const struct documents_recipe *recipe);
/* A word's name: "r0c3", "w000123". */
enum { DOCUMENTS_NAME = 48 };
void documents_name(const struct documents_recipe *recipe, int64_t word, char out[DOCUMENTS_NAME]);

/* documents x words, sparse, and phi [topics x words] column-major (mem_free), a pure function of the
 * recipe.  RONDO_EINPUT with the recipe's field. */
int documents_generate(const struct documents_recipe *recipe, struct data_set **set, double **topics,
                       struct rondo_error *err) RONDO_MUST_CHECK;

#endif
