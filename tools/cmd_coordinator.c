/* cmd_coordinator.c - rondo coordinator: the service. */
#include "client/endpoint.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "service/listen.h"
#include "service/service.h"
#include "tools/cli.h"
#include "tools/larder.h"
#include "tools/words.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct coordinator {
    const char *config, *listen, *http, *state, *token_file, *cache;
    const char *tls_cert, *tls_key, *tls_ca, *log_level;
    struct words_list root;
    bool insecure, quiet;
    double jobs, lease;
    char token[ENDPOINT_TOKEN_MAX];
    struct conn_tls tls;
    struct larder larder;
};

static volatile sig_atomic_t stop, stopped_by;

static void on_signal(int number)
{
    stopped_by = number;
    stop = 1;
}

/* ---- what beyond loopback asks for ----------------------------------------------------------------- */

/* Does "tcp://HOST:PORT" or "HOST:PORT" stay on this machine?  Of names "localhost" alone does:
 * "127.example.org" is one too.  "" stands for the default, which does. */
static bool stays_here(const char *address)
{
    const char *scheme = strstr(address, "://");
    const char *host = scheme ? scheme + 3 : address, *colon = strrchr(host, ':');
    char name[64];
    struct in_addr four;
    if (strncmp(address, "ipc://", 6) == 0 || !*address)
        return true;
    int length = colon ? (int)(colon - host) : (int)strlen(host);
    if (snprintf(name, sizeof name, "%.*s", length, host) >= (int)sizeof name)
        return false;
    return strcmp(name, "[::1]") == 0 || strcmp(name, "localhost") == 0
           || (inet_pton(AF_INET, name, &four) == 1 && ntohl(four.s_addr) >> 24 == 127);
}

static int check_words(const struct coordinator *args, struct rondo_error *err)
{
    static const char *const schemes[] = { "tcp://", "tls+tcp://", "ipc://" };
    bool known = false;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        known = known || strncmp(args->listen, schemes[i], strlen(schemes[i])) == 0;
    if (!known)
        return rondo_error_set(err, RONDO_EINPUT, "--listen", "as in tcp://127.0.0.1:7421",
                               "\"%.100s\" begins with neither tcp:// nor tls+tcp:// nor ipc://",
                               args->listen);
    if (args->http[0] && !listen_reads(args->http))
        return rondo_error_set(err, RONDO_EINPUT, "--http", "as in 127.0.0.1:7420 or [::1]:7420",
                               "\"%.100s\" is not HOST:PORT", args->http);
    if (!args->state[0])
        return rondo_error_set(err, RONDO_EINPUT, "--state", NULL, "it names no folder");
    return RONDO_OK;
}

static int check_safety(const struct coordinator *args, struct rondo_error *err)
{
    bool far_workers = !stays_here(args->listen), far_clients = !stays_here(args->http);
    bool any_tls = args->tls_cert || args->tls_key || args->tls_ca;
    if (any_tls && !(args->tls_cert && args->tls_key && args->tls_ca))
        return rondo_error_set(err, RONDO_EINPUT, "--tls-cert", NULL,
                               "--tls-cert, --tls-key and --tls-ca go together");
    if (strncmp(args->listen, "tls+", 4) == 0 && !any_tls)
        return rondo_error_set(err, RONDO_EINPUT, "--listen", NULL,
                               "tls+tcp wants --tls-cert, --tls-key and --tls-ca");
    if (args->insecure || (!far_workers && !far_clients))
        return RONDO_OK;
    const char *where = far_workers ? "--listen" : "--http";
    if (!args->token[0])
        return rondo_error_set(err, RONDO_EINPUT, where, "--insecure goes without, at your risk",
                               "beyond loopback a --token-file is needed");
    if (!any_tls || (far_workers && strncmp(args->listen, "tls+", 4) != 0))
        return rondo_error_set(err, RONDO_EINPUT, where, "--insecure goes without, at your risk",
                               "beyond loopback TLS is needed: tls+tcp://, --tls-cert, --tls-key, "
                               "--tls-ca");
    return RONDO_OK;
}

/* ---- the options ------------------------------------------------------------------------------------- */

static int parse(struct coordinator *args, struct words *words, int argc, char **argv,
                 struct rondo_error *err)
{
    int status = words_parse(words, argc, argv);
    if (status)
        return status;
    int code = args->config ? words_file(words, args->config, err) : RONDO_OK;
    status = code ? 0 : cli_log("coordinator", args->log_level, args->quiet);
    if (status)
        return status;
    bool tls = args->tls_cert || args->tls_key || args->tls_ca;
    if (!args->listen)
        args->listen = tls ? "tls+tcp://127.0.0.1:0" : "tcp://127.0.0.1:0";
    args->http = args->http ? args->http : "";
    args->state = args->state ? args->state : "rondo-state";
    args->tls = (struct conn_tls){ args->tls_cert, args->tls_key, args->tls_ca };
    if (!code && args->token_file)
        code = endpoint_token(args->token_file, args->token, err);
    if (!code)
        code = check_words(args, err);
    if (!code)
        code = check_safety(args, err);
    if (!code)
        code = larder_open(args->cache, &args->larder, err);
    return code ? cli_fail(err) : 0;
}

/* ---- where it listens ---------------------------------------------------------------------------------- */

/* On stdout and in STATE/address, for those who look for it. */
static void ready(void *context, const char *listen, const char *http)
{
    const struct coordinator *args = context;
    struct file_atomic file;
    struct rondo_error err = { 0 };
    printf("workers %s\nhttp %s\n", listen, http);
    fflush(stdout);
    int code = file_begin(&file, args->state, "address", &err);
    if (!code) {
        fprintf(file.stream, "workers %s\nhttp %s\n", listen, http);
        code = file_commit(&file, &err);
    }
    if (code)
        log_line(LOG_WARNING, "the address is not in %s/address: %s", args->state, err.what);
}

/* The default port where it is free, another where it is not. */
static int serve(struct coordinator *args, struct service_options *options, int64_t *unfinished,
                 struct rondo_error *err)
{
    static const char *const wanted[] = { "127.0.0.1:7420", "127.0.0.1:0" };
    if (args->http[0])
        return service_run(options, unfinished, err);
    options->http = wanted[0];
    int code = service_run(options, unfinished, err);
    if (code != RONDO_EREFUSED || strncmp(err->where, wanted[0], strlen(wanted[0])) != 0)
        return code;
    *err = (struct rondo_error){ 0 };
    options->http = wanted[1];
    return service_run(options, unfinished, err);
}

int cmd_coordinator(int argc, char **argv)
{
    struct coordinator args = { 0 };
    const struct words_option table[] = {
        { "--config", .text = &args.config },
        { "--listen", .text = &args.listen },
        { "--http", .text = &args.http },
        { "--state", .text = &args.state },
        { "--data-root", .list = &args.root, .most = SERVICE_ROOTS },
        { "--cache", .text = &args.cache },
        { "--token-file", .text = &args.token_file },
        { "--tls-cert", .text = &args.tls_cert },
        { "--tls-key", .text = &args.tls_key },
        { "--tls-ca", .text = &args.tls_ca },
        { "--insecure", .flag = &args.insecure },
        { "--quiet", .flag = &args.quiet },
        { "--log-level", .text = &args.log_level },
        { "--jobs", .number = &args.jobs, .least = 1, .most = 256 },
        { "--lease", .number = &args.lease, .least = 0.1, .most = 3600 },
        { .name = NULL },
    };
    struct words words = { .command = "coordinator", .options = table };
    struct rondo_error err = { 0 };
    int status = parse(&args, &words, argc, argv, &err);
    if (!status) {
        cli_serve(on_signal);
        struct service_options options = {
            .listen = args.listen, .http = args.http, .state = args.state, .token = args.token,
            .tls = args.tls_cert ? &args.tls : NULL, .insecure = args.insecure,
            .shelf = args.larder.matrices[0] ? args.larder.matrices : NULL,
            .jobs = args.jobs > 0 ? (int32_t)args.jobs : 8,
            .lease_ms = (uint32_t)(args.lease * 1000), .stop = &stop, .ready = ready,
            .context = &args,
        };
        memcpy(options.root, args.root.item, sizeof options.root);
        int64_t unfinished = 0;
        if (serve(&args, &options, &unfinished, &err))
            status = cli_fail(&err);
        else
            status = unfinished ? EXIT_AGAIN : stopped_by == SIGINT ? EXIT_INTERRUPTED : 0;
        if (unfinished)
            log_line(LOG_INFO, "started again with --state %s it goes on with %lld job%s",
                     args.state, (long long)unfinished, unfinished > 1 ? "s" : "");
    }
    words_fini(&words);
    return status;
}
