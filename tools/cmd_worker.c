/* cmd_worker.c - rondo worker: a process that serves a coordinator. */
#define _XOPEN_SOURCE 700 /* nftw */

#include "apps/host.h"
#include "apps/registry.h"
#include "client/endpoint.h"
#include "core/base/log.h"
#include "tools/cli.h"
#include "tools/larder.h"
#include "tools/words.h"
#include "workers/agent.h"

#include <rondo/rondo.h>

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct worker_words {
    const char *coordinator, *device, *name, *token_file, *cache;
    const char *tls_cert, *tls_key, *tls_ca, *log_level;
    bool quiet;
    double threads, patience;
    char token[ENDPOINT_TOKEN_MAX], own_cache[512];
    struct conn_tls tls;
    struct larder larder;
};

static volatile sig_atomic_t leave;

/* The second one wants it to happen now, the third whatever is under way. */
static void on_signal(int number)
{
    leave = leave + 1;
    if (leave < 3)
        return;
    signal(number, SIG_DFL);
    raise(number);
}

/* What a greeting can say (docs/formats/wire.md). */
static bool printable(const char *text)
{
    while (*text >= 0x20 && *text <= 0x7e)
        text++;
    return !*text;
}

static int check(struct worker_words *args, struct rondo_error *err)
{
    const char *url = args->coordinator ? args->coordinator : getenv("RONDO_WORKERS_URL");
    bool tls = args->tls_cert && args->tls_key && args->tls_ca;
    args->coordinator = url;
    if (!url)
        return cli_usage("worker", "which coordinator? give --coordinator tcp://HOST:PORT, as it "
                                   "prints it");
    if (strncmp(url, "http", 4) == 0 || !strstr(url, "://"))
        return cli_usage("worker", "%.100s is %s; workers dial tcp://, tls+tcp:// or "
                                   "ipc://, the first line that rondo coordinator prints", url,
                         strncmp(url, "http", 4) == 0 ? "where clients ask" : "no URL");
    if (args->name && (!*args->name || strlen(args->name) > 63 || !printable(args->name)))
        return cli_usage("worker", "--name has 1 to 63 printable ASCII characters");
    if (args->device && strcmp(args->device, "cpu") != 0)
        return cli_usage("worker", "--device %.30s is not in this version", args->device);
    if ((args->tls_cert || args->tls_key || args->tls_ca) && !tls)
        return cli_usage("worker", "--tls-cert, --tls-key and --tls-ca go together");
    if (strncmp(url, "tls+", 4) == 0 && !tls)
        return cli_usage("worker", "tls+tcp wants --tls-cert, --tls-key and --tls-ca");
    args->tls = (struct conn_tls){ args->tls_cert, args->tls_key, args->tls_ca };
    if (!args->token_file)
        args->token_file = getenv("RONDO_TOKEN_FILE");
    return args->token_file && endpoint_token(args->token_file, args->token, err) ? cli_fail(err) : 0;
}

static struct frame_who introduce(const struct worker_words *args)
{
    struct frame_who who = { .pid = (uint32_t)getpid(),
                             .threads = args->threads > 0 ? (uint32_t)args->threads : 1 };
    if (gethostname(who.host, sizeof who.host - 1))
        snprintf(who.host, sizeof who.host, "unknown");
    if (!printable(who.host))
        snprintf(who.host, sizeof who.host, "unprintable");
    if (args->name)
        snprintf(who.name, sizeof who.name, "%s", args->name);
    else
        snprintf(who.name, sizeof who.name, "%.48s.%u", who.host, who.pid);
    snprintf(who.build, sizeof who.build, "%s", rondo_version());
    snprintf(who.isa, sizeof who.isa, "%s", host_isa_best());
    snprintf(who.device, sizeof who.device, "%s", args->device ? args->device : "cpu");
    return who;
}

/* ---- fetched files ----------------------------------------------------------------------------------- */

/* In the larder; where there is none, in a folder that goes with this process. */
static int make_cache(struct worker_words *args, struct rondo_error *err)
{
    const char *temporary = getenv("TMPDIR");
    if (larder_open(args->cache, &args->larder, err))
        return cli_fail(err);
    if (args->larder.files[0])
        return 0;
    snprintf(args->own_cache, sizeof args->own_cache, "%.400s/rondo-worker-XXXXXX",
             temporary && *temporary ? temporary : "/tmp");
    if (!mkdtemp(args->own_cache))
        return cli_usage("worker", "%.200s cannot be made; give --cache DIR", args->own_cache);
    return 0;
}

static int remove_one(const char *path, const struct stat *info RONDO_UNUSED, int type RONDO_UNUSED,
                      struct FTW *at RONDO_UNUSED)
{
    return remove(path);
}

static void remove_cache(const struct worker_words *args)
{
    if (args->own_cache[0])
        nftw(args->own_cache, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- the process ---------------------------------------------------------------------------------------- */

static int serve(struct worker_words *args)
{
    struct rondo_error err = { 0 };
    cli_serve(on_signal);
    struct frame_who who = introduce(args);
    log_set_worker(who.name);
    struct agent_options options = {
        .url = args->coordinator, .token = args->token,
        .tls = strncmp(args->coordinator, "tls+", 4) == 0 ? &args->tls : NULL,
        .who = who, .apps = &registry_apps,
        .cache = args->larder.files[0] ? args->larder.files : args->own_cache,
        .shelf = args->larder.matrices[0] ? args->larder.matrices : NULL,
        .patience = args->patience > 0 ? args->patience : 600, .leave = &leave,
    };
    return agent_run(&options, &err) ? cli_fail(&err) : 0;
}

int cmd_worker(int argc, char **argv)
{
    struct worker_words args = { 0 };
    const struct words_option table[] = {
        { "--coordinator", .text = &args.coordinator },
        { "--threads", .number = &args.threads, .least = 1, .most = 1024 },
        { "--device", .text = &args.device },
        { "--name", .text = &args.name },
        { "--token-file", .text = &args.token_file },
        { "--tls-cert", .text = &args.tls_cert },
        { "--tls-key", .text = &args.tls_key },
        { "--tls-ca", .text = &args.tls_ca },
        { "--cache", .text = &args.cache },
        { "--patience", .number = &args.patience, .least = 0.001, .most = 1e9 },
        { "--quiet", .flag = &args.quiet },
        { "--log-level", .text = &args.log_level },
        { .name = NULL },
    };
    struct words words = { .command = "worker", .options = table };
    struct rondo_error err = { 0 };
    int status = words_parse(&words, argc, argv);
    if (!status)
        status = cli_log("worker", args.log_level, args.quiet);
    if (!status)
        status = check(&args, &err);
    if (!status)
        status = make_cache(&args, &err);
    if (!status)
        status = serve(&args);
    remove_cache(&args);
    return status;
}
