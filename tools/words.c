#include "tools/words.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/job/nearest.h"
#include "tools/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MOST = 1 << 20 };

/* ---- the command line ------------------------------------------------------------------------------ */

static int number_of(const char *command, const struct words_option *option, const char *text)
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (errno || *end || end == text || !(value >= option->least && value <= option->most))
        return cli_usage(command, "%s is a number from %.10g to %.10g, and \"%.60s\" is not",
                         option->name, option->least, option->most, text);
    *option->number = value;
    return 0;
}

static int give(const char *command, const struct words_option *option, const char *value)
{
    if (option->number)
        return number_of(command, option, value);
    if (option->text) {
        *option->text = value;
        return 0;
    }
    if (option->list->count == (int)option->most)
        return cli_usage(command, "more than %d %s", (int)option->most, option->name);
    option->list->item[option->list->count++] = value;
    return 0;
}

static int take_one(const char *command, const struct words_option *option, int argc, char **argv,
                    int *at)
{
    const char *value = NULL;
    if (option->flag) {
        bool is = strcmp(argv[*at], option->name) == 0;
        *option->flag = *option->flag || is;
        return is;
    }
    int is = cli_option(command, option->name, argc, argv, at, &value);
    return is > 0 && give(command, option, value) ? -1 : is;
}

int words_take(const char *command, const struct words_option *options, int argc, char **argv,
               int *at)
{
    int is = 0;
    for (; options->name && is == 0; options++)
        is = take_one(command, options, argc, argv, at);
    return is;
}

int words_parse(struct words *words, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int is = words_take(words->command, words->options, argc, argv, &i);
        if (is < 0)
            return 2;
        if (!is)
            return cli_usage(words->command, argv[i][0] == '-' ? "unknown option %.100s"
                                                               : "it takes no word \"%.100s\"",
                             argv[i]);
    }
    return 0;
}

/* ---- the file ---------------------------------------------------------------------------------------- */

struct filling {
    const struct words *words;
    const char *path;
    struct rondo_error *err;
    int code;
};

static void key_of(const struct words_option *option, char key[64])
{
    snprintf(key, 64, "%s", option->name + 2);
    for (char *c = key; *c; c++)
        *c = *c == '-' ? '_' : *c;
}

static int wrong(struct filling *filling, const char *key, const char *what)
{
    char where[256];
    snprintf(where, sizeof where, "/%.60s (%.180s)", key, filling->path);
    filling->code = rondo_error_set(filling->err, RONDO_EINPUT, where, NULL, "%s", what);
    return filling->code;
}

static int fill_list(struct filling *filling, const struct words_option *option, const char *key,
                     const struct jsonin *value)
{
    struct words_list *list = option->list;
    char wanted[100];
    snprintf(wanted, sizeof wanted, "a list of texts is wanted, %d at most", (int)option->most);
    if (list->count)
        return RONDO_OK; /* the command line has said it */
    if (!jsonin_is_array(value) || jsonin_count(value) > (int)option->most)
        return wrong(filling, key, wanted);
    for (int64_t i = 0; i < jsonin_count(value); i++) {
        const char *text = jsonin_text_of(jsonin_at(value, i));
        if (!text)
            return wrong(filling, key, "a list of texts is wanted");
        list->item[list->count++] = text;
    }
    return RONDO_OK;
}

static int fill(struct filling *filling, const struct words_option *option, const char *key,
                const struct jsonin *object)
{
    const char *text = jsonin_text(object, key);
    double number;
    if (option->list)
        return fill_list(filling, option, key, jsonin_get(object, key));
    if (option->flag) {
        bool yes = jsonin_is(jsonin_get(object, key), true);
        if (!yes && !jsonin_is(jsonin_get(object, key), false))
            return wrong(filling, key, "true or false is wanted");
        *option->flag = *option->flag || yes;
        return RONDO_OK;
    }
    if (option->number) {
        char range[100];
        snprintf(range, sizeof range, "a number from %g to %g is wanted", option->least,
                 option->most);
        if (!jsonin_number(object, key, &number) || number < option->least || number > option->most)
            return wrong(filling, key, range);
        *option->number = *option->number > 0 ? *option->number : number;
        return RONDO_OK;
    }
    if (!text)
        return wrong(filling, key, "a text is wanted");
    *option->text = *option->text ? *option->text : text;
    return RONDO_OK;
}

static bool take(void *context, const char *key, const struct jsonin *value RONDO_UNUSED)
{
    struct filling *filling = context;
    struct nearest nearest;
    char known[64], what[256];
    nearest_begin(&nearest, key);
    for (const struct words_option *option = filling->words->options; option->name; option++) {
        key_of(option, known);
        if (strcmp(known, key) == 0)
            return fill(filling, option, key, filling->words->file) == RONDO_OK;
        nearest_offer(&nearest, known, known);
    }
    snprintf(what, sizeof what, "unknown key%s%s%s", nearest_found(&nearest) ? ", is it \"" : "",
             nearest_found(&nearest) ? nearest.best : "", nearest_found(&nearest) ? "\"?" : "");
    wrong(filling, key, what);
    return false;
}

int words_file(struct words *words, const char *path, struct rondo_error *err)
{
    size_t size;
    int code = file_read(path, FILE_MOST, &words->file_text, &size, err);
    if (code)
        return code == RONDO_ENOMEM ? code : (err->code = RONDO_EINPUT);
    code = jsonin_parse(words->file_text, size, &words->file);
    if (code || !jsonin_is_object(words->file))
        return rondo_error_set(err, code == RONDO_ENOMEM ? code : RONDO_EINPUT, path, NULL,
                               "it is not a JSON object");
    struct filling filling = { words, path, err, RONDO_OK };
    jsonin_each(words->file, take, &filling);
    return filling.code;
}

void words_fini(struct words *words)
{
    jsonin_free(words->file);
    mem_free(words->file_text);
}
