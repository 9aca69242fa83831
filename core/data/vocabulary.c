#include "core/data/vocabulary.h"

#include "core/base/mem.h"
#include "core/data/matrix.h"
#include "core/data/stream.h"

#include <string.h>

/* The words, and behind the pointers their bytes. */
struct block {
    struct rondo_words words;
    const char *word[];
};

struct line {
    const char *at; /* in the stream's window, until the next one */
    size_t size;
};

static int refuse(const struct stream *s, const char *at, struct rondo_error *err)
{
    if (*at == '\t')
        return stream_error(s, err, "one word a line", "there is a tab in the word");
    return stream_error(s, err, "one word a line", "there is a control character (0x%02x) in the word",
                        (unsigned)(unsigned char)*at);
}

/* The next word, the stream then behind its line's end: 1, 0 at the end of the file, or an error, at its
 * line. */
static int next_word(struct stream *s, struct line *word, struct rondo_error *err)
{
    enum { END = 2 }; /* CR LF */
    if (!s->ended && s->end - s->at < VOCABULARY_WORD_MOST + END) {
        int code = stream_fill(s, err);
        if (code)
            return code;
    }
    if (stream_at_end(s))
        return 0;
    size_t left = (size_t)(s->end - s->at), most = VOCABULARY_WORD_MOST + END;
    const char *end = memchr(s->at, '\n', left < most ? left : most);
    if (!end && left < most)
        end = s->end;
    if (!end)
        return stream_error(s, err, "one word a line", "the word is longer than %d bytes", VOCABULARY_WORD_MOST);
    *word = (struct line){ s->at, (size_t)(end - s->at) };
    if (word->size && word->at[word->size - 1] == '\r')
        word->size--;
    if (word->size == 0)
        return stream_error(s, err, "one word a line", "the line is empty");
    if (word->size > VOCABULARY_WORD_MOST)
        return stream_error(s, err, "one word a line", "the word is longer than %d bytes", VOCABULARY_WORD_MOST);
    for (size_t i = 0; i < word->size; i++)
        if ((unsigned char)word->at[i] < 32 || word->at[i] == 127)
            return refuse(s, word->at + i, err);
    s->line += end < s->end;
    s->at = end + (end < s->end);
    return 1;
}

static int count(struct stream *s, int64_t *words, size_t *bytes, struct rondo_error *err)
{
    struct line word = { 0 };
    int found;
    for (; (found = next_word(s, &word, err)) > 0; ++*words)
        *bytes += word.size + 1;
    if (!found && *words > MATRIX_COLS_MAX)
        found = rondo_error_set(err, RONDO_EINPUT, s->path, NULL, "more than 2147483648 words");
    return found;
}

static int fill(struct stream *s, struct block *block, int64_t words, size_t bytes, struct rondo_error *err)
{
    char *at = (char *)&block->word[words], *end = at + bytes;
    struct line word = { 0 };
    int found;
    int64_t done = 0;
    for (; (found = next_word(s, &word, err)) > 0; done++) {
        if (done == words || (size_t)(end - at) < word.size + 1)
            return matrix_changed(s->path, err);
        block->word[done] = memcpy(at, word.at, word.size);
        at[word.size] = 0;
        at += word.size + 1;
    }
    if (!found && (done != words || at != end))
        found = matrix_changed(s->path, err);
    return found;
}

static int read_all(struct stream *s, struct block **out, struct rondo_error *err)
{
    int64_t words = 0;
    size_t bytes = 0;
    int code = count(s, &words, &bytes, err);
    size_t size = sizeof(struct block) + (size_t)words * sizeof(char *) + bytes;
    if (!code)
        code = matrix_enough_memory(size, s->path, err);
    struct block *block = code ? NULL : mem_alloc(size);
    if (!code && !block)
        code = rondo_error_set(err, RONDO_ENOMEM, s->path, NULL, "out of memory");
    if (!code)
        code = stream_rewind(s, err);
    if (!code)
        code = fill(s, block, words, bytes, err);
    if (code) {
        mem_free(block);
        return code;
    }
    block->words = (struct rondo_words){ words, block->word };
    *out = block;
    return RONDO_OK;
}

int vocabulary_load(const char *path, struct rondo_words **words, struct rondo_error *err)
{
    struct stream s;
    struct block *block = NULL;
    int code = stream_open(&s, path, err);
    if (code)
        return code;
    code = read_all(&s, &block, err);
    stream_close(&s);
    if (!code)
        *words = &block->words;
    return code;
}

void vocabulary_free(struct rondo_words *words)
{
    mem_free(words); /* the block begins with it */
}

/* FNV-1a, each word with its end. */
uint64_t vocabulary_digest(uint64_t hash, const struct rondo_words *words)
{
    for (int64_t i = 0; i < words->count; i++)
        for (const char *at = words->word[i];; at++) {
            hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
            if (!*at)
                break;
        }
    return hash;
}
