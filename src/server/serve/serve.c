/* SPDX-License-Identifier: Apache-2.0 */
/* From an empty process to a serving one and back. What fails before the doors open is an error
 * text and status 1; afterwards only the store may end the process. */
#include "serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "serve_metric.h"
#include "serve_priv.h"
#include "store_memory.h"
#include "store_sqlite.h"

enum {
    PATH_BYTES = CONFIG_TEXT_MAX + 32,
};

enum err_code serve_setting(enum err_code rc, const char *setting, struct err *err)
{
    if (rc != ERR_OK)
        snprintf(err->field, sizeof(err->field), "%s", setting);
    return rc;
}

static void data_path(const struct server *server, const char *name, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s/%s", config_text(server->config, CONFIG_DATA), name);
}

static bool in_memory(const struct server *server)
{
    return strcmp(config_text(server->config, CONFIG_STORE), "memory") == 0;
}

/* ---- before the store ------------------------------------------------------------------------ */

static void log_start(const struct config *config)
{
    enum log_level level = LOG_LEVEL_INFO;
    bool json = strcmp(config_text(config, CONFIG_LOG_FORMAT), "json") == 0;

    ENSURE(log_level_parse(config_text(config, CONFIG_LOG_LEVEL), &level));
    log_configure(level, json ? LOG_FORMAT_JSON : LOG_FORMAT_LOGFMT, STDERR_FILENO);
}

/* As many sockets as this process may ever have. */
static void files_raise(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            LOG_WARN("files_not_raised", KV_I64("errno", errno));
    }
}

/* Shards share their port by SO_REUSEPORT, which would let a second server share it as well: one
 * try without it tells, and picks a free port for 0. */
static enum err_code port_probe(struct server *server, struct err *err)
{
    const char *address = config_text(server->config, CONFIG_LISTEN);
    uint16_t port = (uint16_t)config_number(server->config, CONFIG_PORT);
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
    struct sockaddr *at = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t len = is_v4 ? sizeof(v4) : sizeof(v6);
    int one = 1;
    int fd;

    if (!is_v4 && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
        return err_set_field(err, ERR_INVALID, "listen", "not an IPv4 or IPv6 address");
    fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, ERR_IO, "socket: %s", strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, at, len) != 0 || listen(fd, 1) != 0 || getsockname(fd, at, &len) != 0) {
        err_set_field(err, ERR_CONFLICT, "port", "%u: %s", port, strerror(errno));
        close(fd);
        return ERR_CONFLICT;
    }
    server->port = ntohs(is_v4 ? v4.sin_port : v6.sin6_port);
    close(fd);
    return ERR_OK;
}

static enum err_code folder_make(const struct server *server, struct err *err)
{
    const char *path = config_text(server->config, CONFIG_DATA);

    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_set_field(err, ERR_IO, "data", "cannot make %s: %s", path, strerror(errno));
    return ERR_OK;
}

static enum err_code key_open(struct server *server, struct err *err)
{
    char path[PATH_BYTES];
    enum err_code rc = auth_secret_init(err);

    if (rc != ERR_OK)
        return rc;
    if (in_memory(server)) {
        auth_key_random(&server->master);
        return ERR_OK;
    }
    rc = folder_make(server, err);
    data_path(server, "secrets.key", path);
    return rc == ERR_OK ? auth_key_load(path, &server->master, err) : rc;
}

/* ---- store ----------------------------------------------------------------------------------- */

static void on_quarantine(void *ctx, uint64_t conv)
{
    (void)ctx;
    LOG_ERROR("conversation_quarantined", KV_ID("conv", conv));
}

static enum err_code store_start(struct server *server, struct err *err)
{
    struct store_options options = {
        .backend = in_memory(server) ? &store_memory_backend : &store_sqlite_backend,
        .path = in_memory(server) ? NULL : config_text(server->config, CONFIG_DATA),
        .shards = server->shards,
        .on_complete = serve_completed,
        .on_quarantine = on_quarantine,
        .ctx = server,
    };

    return store_open(&options, &server->store, err);
}

enum { MARK_RECORD = 1 };

enum err_code serve_mark_store(struct store *store, int64_t mark_ms, struct err *err)
{
    char text[24];
    struct store_change change = { .op = STORE_PUT, .kind = STORE_SETTING };

    snprintf(text, sizeof(text), "%lld", (long long)mark_ms);
    change.record.id = MARK_RECORD;
    change.record.workspace = 0;
    change.record.lookup = SLICE_LITERAL("id_mark_ms");
    change.record.created_at = mark_ms;
    change.record.body = slice_of(text);
    return store_admin_run(store, &change, 1, NULL, err);
}

/* Ids start above the mark of the last run, whatever the clock says today. */
static enum err_code mark_open(struct server *server, struct err *err)
{
    struct arena arena;
    struct store_record record;
    unsigned long long stored = 0;
    bool found = false;
    int64_t now = clock_wall_ms(&clock_system);
    enum err_code rc;

    arena_init(&arena, STORE_BODY_MAX * 2);
    rc = store_record_get(server->store, STORE_SETTING, MARK_RECORD, &arena, &record, &found, err);
    if (rc == ERR_OK && found && !slice_to_u64(record.body, &stored))
        rc = err_set(err, ERR_CORRUPT, "the stored id mark is not a number");
    arena_fini(&arena);
    if (rc != ERR_OK)
        return rc;
    server->id_mark_ms = (int64_t)stored;
    if (now < server->id_mark_ms)
        now = server->id_mark_ms;
    return serve_mark_store(server->store, now + ID_MARK_AHEAD_MS, err);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static enum err_code api_start(struct server *server, struct err *err)
{
    struct api_options options = { .master = &server->master,
                                   .store = server->store,
                                   .clock = &clock_system,
                                   .models = server->models,
                                   .settings = server->settings,
                                   .setting_count = CONFIG_KEY_COUNT,
                                   .public_url = config_text(server->config, CONFIG_PUBLIC_URL),
                                   .require_tls = config_flag(server->config, CONFIG_REQUIRE_TLS) };
    enum err_code rc;

    data_path(server, "models", server->models);
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        enum config_key at = (enum config_key)key;

        server->settings[key] =
            (struct api_setting){ config_name(at), config_text(server->config, at),
                                  config_source_name(server->config->value[key].source) };
    }
    server->learn = (struct learn_options){ server->store, server->models, &clock_system };
    rc = api_create(&options, &server->api, err);
    if (rc == ERR_OK && config_flag(server->config, CONFIG_DEMO)) {
        char path[PATH_BYTES];

        data_path(server, "demo-logins.txt", path);
        rc = folder_make(server, err);
        if (rc == ERR_OK)
            rc = serve_demo(server, path, err);
    }
    return rc == ERR_OK ? api_setup_begin(server->api, server->setup, err) : rc;
}

static enum err_code threads_start(struct server *server, struct err *err)
{
    struct shard_ops ops = node_shard_ops;

    server->workers = worker_pool_start((uint32_t)config_number(server->config, CONFIG_WORKERS),
                                        SERVE_WORKER_QUEUE_MAX);
    server->logins = worker_pool_start(SERVE_LOGIN_THREADS, SERVE_LOGIN_QUEUE_MAX);
    server->trainer = worker_pool_start(SERVE_TRAIN_THREADS, LEARN_JOBS_MAX * 2);
    serve_metric_init(server);
    server->left = mem_zalloc(server->shards * sizeof(struct directory *));
    server->tls_left = mem_zalloc(server->shards * sizeof(struct serve_tls *));
    ops.ctx = server;
    return shard_group_start(server->shards, &ops, &server->group, err);
}

static void rates_report(const struct config *config)
{
    LOG_INFO(
        "limits", KV_U64("visitor_per_s", config_number(config, CONFIG_LIMIT_VISITOR_RATE)),
        KV_U64("address_per_s", config_number(config, CONFIG_LIMIT_IP_RATE)),
        KV_U64("new_conversations_per_h", config_number(config, CONFIG_LIMIT_NEW_CONVERSATIONS)),
        KV_U64("uploads_per_h", config_number(config, CONFIG_LIMIT_UPLOADS)));
}

static void logins_print(const struct server *server)
{
    char path[PATH_BYTES];
    char line[256];
    FILE *file;

    data_path(server, "demo-logins.txt", path);
    file = fopen(path, "r");
    if (file == NULL)
        return;
    puts("  Log in as");
    while (fgets(line, sizeof(line), file) != NULL)
        printf("    %s", line);
    fclose(file);
}

void serve_ready(struct server *server)
{
    const struct config *config = server->config;
    char base[CONFIG_TEXT_MAX + 32];

    if (config_text(config, CONFIG_PUBLIC_URL)[0] != '\0')
        snprintf(base, sizeof(base), "%s", config_text(config, CONFIG_PUBLIC_URL));
    else
        snprintf(base, sizeof(base), "http%s://localhost:%u",
                 config_text(config, CONFIG_TLS_CERT)[0] != '\0' ? "s" : "", server->port);
    LOG_INFO("ready", KV_U64("port", server->port), KV_U64("shards", server->shards));
    puts("\nKefu is ready.");
    if (config_flag(config, CONFIG_DEMO))
        printf("  Demo shop     %s/demo\n", base);
    printf("  Agent console %s/console\n", base);
    if (config_flag(config, CONFIG_DEMO))
        logins_print(server);
    if (server->setup[0] != '\0')
        printf("  Set it up     %s/console#/setup?token=%s\n", base, server->setup);
    fflush(stdout);
}

/* NULL without a certificate. */
static enum err_code tls_open(const struct config *config, struct serve_tls **out, struct err *err)
{
    const char *chain = config_text(config, CONFIG_TLS_CERT);
    const char *key = config_text(config, CONFIG_TLS_KEY);
    struct net_tls_context *context = NULL;
    enum err_code rc;

    *out = NULL;
    if (chain[0] == '\0' && key[0] == '\0')
        return ERR_OK;
    if (chain[0] == '\0' || key[0] == '\0')
        return err_set_field(err, ERR_INVALID, chain[0] == '\0' ? "tls_cert" : "tls_key",
                             "tls_cert and tls_key go together");
    rc = net_tls_server_create(chain, key, &context, err);
    if (rc != ERR_OK)
        return rc;
    *out = mem_zalloc(sizeof(**out));
    (*out)->context = context;
    return ERR_OK;
}

static void tls_free(struct serve_tls **tls)
{
    if (*tls == NULL)
        return;
    net_tls_context_destroy(&(*tls)->context);
    free(*tls);
    *tls = NULL;
}

/* A certificate that cannot be read leaves the old one in place: a renewal must not end a service.
 */
static void tls_reload(struct server *server)
{
    struct serve_tls *tls = NULL;
    struct err err = { 0 };

    if (tls_open(server->config, &tls, &err) != ERR_OK) {
        LOG_ERROR("certificate_not_reloaded", KV_TEXT("field", err.field), KV_ERR(&err));
        return;
    }
    if (tls != NULL)
        node_tls_replace(server, tls);
    LOG_INFO("reloaded", KV_BOOL("certificate", tls != NULL));
}

static void signals_wait(struct server *server, const sigset_t *set)
{
    int got = 0;

    while (sigwait(set, &got) != 0 || got == SIGHUP) {
        if (got == SIGHUP)
            tls_reload(server);
    }
    LOG_INFO("stopping", KV_I64("signal", got));
}

static void shared_free(struct server *server)
{
    for (uint32_t i = 0; server->left != NULL && i < server->shards; i++) {
        for (uint32_t j = i + 1; j < server->shards; j++) {
            if (server->left[j] == server->left[i])
                server->left[j] = NULL;
        }
        directory_destroy(&server->left[i]);
    }
    directory_destroy(&server->directory);
    free(server->left);
    for (uint32_t i = 0; server->tls_left != NULL && i < server->shards; i++) {
        for (uint32_t j = i + 1; j < server->shards; j++) {
            if (server->tls_left[j] == server->tls_left[i])
                server->tls_left[j] = NULL;
        }
        tls_free(&server->tls_left[i]);
    }
    tls_free(&server->tls);
    free(server->tls_left);
}

static void server_stop(struct server *server)
{
    struct shard_group *group = server->group; /* the store's completions still look there */

    /* Their answers need the shards, and until the shards end they may still ask. */
    if (server->workers != NULL)
        worker_pool_end(server->workers);
    if (server->logins != NULL)
        worker_pool_end(server->logins);
    if (server->trainer != NULL) {
        learn_cancel_all(&server->learn);
        worker_pool_end(server->trainer);
    }
    shard_group_stop(&group);
    server->group = NULL;
    worker_pool_stop(&server->workers);
    worker_pool_stop(&server->logins);
    worker_pool_stop(&server->trainer);
    store_close(&server->store);
    shared_free(server);
    serve_metric_fini(server);
    api_destroy(&server->api);
}

static enum err_code first_load(struct server *server, struct err *err)
{
    const struct directory_source source = { .store = server->store,
                                             .models = server->models,
                                             .now_ms = clock_wall_ms(&clock_system) };

    return directory_load(&source, &server->directory, err);
}

static enum err_code server_start(struct server *server, struct err *err)
{
    enum err_code rc = serve_setting(
        http_trust_parse(slice_of(config_text(server->config, CONFIG_TRUSTED_PROXIES)),
                         &server->trust, err),
        "trusted_proxies", err);

    if (rc == ERR_OK)
        rc = node_acts_check(server->config, err);
    if (rc == ERR_OK)
        rc = tls_open(server->config, &server->tls, err);
    if (rc == ERR_OK)
        rc = port_probe(server, err);
    if (rc == ERR_OK)
        rc = key_open(server, err);
    if (rc == ERR_OK)
        rc = store_start(server, err);
    if (rc == ERR_OK)
        rc = mark_open(server, err);
    if (rc == ERR_OK)
        rc = api_start(server, err);
    if (rc == ERR_OK)
        rc = learn_recover(&server->learn, server->jobs, &server->job_count, err);
    if (rc == ERR_OK)
        rc = first_load(server, err);
    if (rc == ERR_OK)
        rc = threads_start(server, err);
    return rc;
}

/* Of the machine's zone now: a summer time that begins while the server runs counts from the next
 * start. */
static int utc_offset_minutes(void)
{
    time_t now = (time_t)(clock_wall_ms(&clock_system) / 1000);
    struct tm here;

    return localtime_r(&now, &here) != NULL ? (int)(here.tm_gmtoff / 60) : 0;
}

static uint32_t shard_count(const struct config *config)
{
    uint64_t asked = config_number(config, CONFIG_SHARDS);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (asked != 0)
        return (uint32_t)asked;
    return cores < 1 ? 1 : cores > SHARD_COUNT_MAX ? SHARD_COUNT_MAX : (uint32_t)cores;
}

enum err_code serve_run(const struct config *config, struct err *err)
{
    struct server server = { .config = config,
                             .shards = shard_count(config),
                             .utc_offset_minutes = utc_offset_minutes() };
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    sigset_t signals;
    enum err_code rc;

    mem_heap_tune();
    log_start(config);
    files_raise();
    sigaction(SIGPIPE, &ignore, NULL);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* tidy: allow pthread_sigmask: for sigwait */
    rc = server_start(&server, err);
    if (rc == ERR_OK) {
        rates_report(config);
        if (server.tls != NULL)
            node_tls_replace(&server, server.tls);
        server.tls = NULL;
        node_begin(&server);
        signals_wait(&server, &signals);
    }
    server_stop(&server);
    return rc;
}

/* ---- without a server ------------------------------------------------------------------------ */

static enum err_code admin_run(struct server *server, const Kefu__V1__ControlRequest *request,
                               struct err *err)
{
    struct api_options options = { .master = &server->master,
                                   .store = server->store,
                                   .clock = &clock_system };
    enum err_code rc = api_create(&options, &server->api, err);
    uint64_t agent;

    if (rc != ERR_OK)
        return rc;
    if (strcmp(request->command, "admin-create") == 0)
        return api_admin_create(server->api, slice_of(request->email), slice_of(request->name),
                                slice_of(request->role), slice_of(request->password), err);
    return api_admin_reset(server->api, slice_of(request->email), slice_of(request->password),
                           &agent, err);
}

static void completed_nothing(void *ctx, unsigned shard, const struct store_completion *items,
                              size_t n)
{
    (void)ctx, (void)shard, (void)items, (void)n;
}

enum err_code serve_admin(const char *data, const Kefu__V1__ControlRequest *request,
                          struct err *err)
{
    struct server server = { .shards = 1 };
    struct store_options options = { .backend = &store_sqlite_backend,
                                     .path = data,
                                     .shards = 1,
                                     .on_complete = completed_nothing };
    char path[PATH_BYTES];
    enum err_code rc = auth_secret_init(err);

    snprintf(path, sizeof(path), "%s/secrets.key", data);
    if (rc == ERR_OK)
        rc = auth_key_load(path, &server.master, err);
    if (rc == ERR_OK)
        rc = store_open(&options, &server.store, err);
    if (rc == ERR_OK)
        rc = admin_run(&server, request, err);
    api_destroy(&server.api);
    store_close(&server.store);
    return rc;
}
