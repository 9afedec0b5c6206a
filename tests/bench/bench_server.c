/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_server.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    START_TIMEOUT_MS = 20000,
    HTTP_TIMEOUT_MS = 5000,
    QUIET_TIMEOUT_MS = 120000,
    QUIET_WINDOW_MS = 400,
};

int bench_http_get(uint16_t port, const char *path, char *body, size_t body_size)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct timeval timeout = { .tv_sec = HTTP_TIMEOUT_MS / 1000 };
    static char reply[4 << 20];
    char request[512];
    size_t len = 0;
    char *head_end;
    int status = -1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    snprintf(request, sizeof(request),
             "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n", path, port);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
        send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request)) {
        close(fd);
        return -1;
    }
    while (len < sizeof(reply) - 1) {
        ssize_t n = recv(fd, reply + len, sizeof(reply) - 1 - len, 0);

        if (n <= 0)
            break;
        len += (size_t)n;
    }
    close(fd);
    reply[len] = '\0';
    head_end = strstr(reply, "\r\n\r\n");
    if (head_end == NULL || sscanf(reply, "HTTP/1.1 %d", &status) != 1)
        return -1;
    if (body != NULL)
        snprintf(body, body_size, "%s", head_end + 4);
    return status;
}

double bench_metric(uint16_t port, const char *name)
{
    static char text[1 << 20];
    const char *at = text;

    if (bench_http_get(port, "/metrics", text, sizeof(text)) != 200)
        return 0;
    while ((at = strstr(at, name)) != NULL) {
        const char *end = at + strlen(name);

        if ((at == text || at[-1] == '\n') && (*end == ' ' || *end == '{'))
            return strtod(strchr(end, ' ') + 1, NULL);
        at = end;
    }
    return 0;
}

void bench_server_launch(struct bench_server *server)
{
    char port[16];
    char shards[16];
    char *argv[16] = { "kefu",     "serve",     "--demo", "--data", server->dir,
                       "--listen", "127.0.0.1", "--port", port };
    int argc = 9;

    /* The load comes from one address and faster than people type: limits would measure themselves.
     */
    setenv("KEFU_LIMIT_VISITOR_RATE", "0", 1);
    setenv("KEFU_LIMIT_IP_RATE", "0", 1);
    setenv("KEFU_LIMIT_NEW_CONVERSATIONS", "0", 1);
    if (server->dir[0] == '\0')
        bench_temp_dir(server->dir, sizeof(server->dir));
    server->process.port = server->process.port != 0 ? server->process.port : bench_free_port();
    snprintf(port, sizeof(port), "%u", server->process.port);
    if (server->store[0] != '\0') {
        argv[argc++] = "--store";
        argv[argc++] = server->store;
    }
    if (server->shards > 0) {
        snprintf(shards, sizeof(shards), "%d", server->shards);
        argv[argc++] = "--shards";
        argv[argc++] = shards;
    }
    if (server->site_key[0] == '\0')
        snprintf(server->site_key, sizeof(server->site_key), "demo");
    bench_process_start(&server->process, argv);
}

/* A first start learns the demo's intents after it is ready, which would be measured as the work of
 * whatever comes first. Done when three windows in a row used next to no CPU. */
static void await_quiet(const struct bench_process *process)
{
    struct timespec window = { .tv_nsec = QUIET_WINDOW_MS * 1000 * 1000 };
    int64_t end = bench_now_us() + QUIET_TIMEOUT_MS * 1000LL;
    double used = bench_process_cpu_us(process->pid);

    for (int quiet = 0; quiet < 3;) {
        double now;

        if (bench_now_us() > end)
            bench_fail("kefu serve still works %d ms after its start", QUIET_TIMEOUT_MS);
        nanosleep(&window, NULL);
        now = bench_process_cpu_us(process->pid);
        quiet = now - used > QUIET_WINDOW_MS * 50.0 ? 0 : quiet + 1; /* 5 % of a core */
        used = now;
    }
}

void bench_server_start(struct bench_server *server)
{
    int64_t end = bench_now_us() + START_TIMEOUT_MS * 1000LL;
    struct timespec pause = { .tv_nsec = 5 * 1000 * 1000 };

    bench_server_launch(server);
    while (bench_http_get(server->process.port, "/readyz", NULL, 0) != 200) {
        int status;

        if (waitpid(server->process.pid, &status, WNOHANG) == server->process.pid)
            bench_fail("kefu serve ended while starting (status %d)", status);
        if (bench_now_us() > end)
            bench_fail("kefu serve is not ready after %d ms", START_TIMEOUT_MS);
        nanosleep(&pause, NULL);
    }
    await_quiet(&server->process);
}

void bench_server_stop(struct bench_server *server, bool keep_data)
{
    bench_process_stop(&server->process);
    if (!keep_data && server->dir[0] != '\0') {
        bench_remove_tree(server->dir);
        server->dir[0] = '\0';
    }
}

bool bench_frame_has(struct slice frame, const char *needle)
{
    return memmem(frame.ptr, frame.len, needle, strlen(needle)) != NULL;
}

static const char *frame_value(struct slice frame, const char *key)
{
    char quoted[64];
    const char *at;
    size_t len = (size_t)snprintf(quoted, sizeof(quoted), "\"%s\":", key);

    at = memmem(frame.ptr, frame.len, quoted, len);
    return at != NULL ? at + len : NULL;
}

uint64_t bench_frame_u64(struct slice frame, const char *key)
{
    const char *at = frame_value(frame, key);
    const char *end = frame.ptr + frame.len;
    uint64_t value = 0;

    if (at != NULL && at < end && *at == '"')
        at++;
    for (; at != NULL && at < end && isdigit((unsigned char)*at); at++)
        value = value * 10 + (uint64_t)(*at - '0');
    return value;
}

bool bench_frame_text(struct slice frame, const char *key, char *out, size_t out_size)
{
    const char *at = frame_value(frame, key);
    const char *end;

    if (at == NULL || *at != '"')
        return false;
    at++;
    end = memchr(at, '"', (size_t)(frame.ptr + frame.len - at));
    if (end == NULL || (size_t)(end - at) >= out_size)
        return false;
    memcpy(out, at, (size_t)(end - at));
    out[end - at] = '\0';
    return true;
}

enum bench_frame bench_frame_kind(struct slice frame, uint32_t *id)
{
    static const struct {
        const char *name;
        enum bench_frame kind;
    } kinds[] = {
        { "\"ack\"", FRAME_ACK },         { "\"event\"", FRAME_EVENT },
        { "\"error\"", FRAME_ERROR },     { "\"welcome\"", FRAME_WELCOME },
        { "\"history\"", FRAME_HISTORY }, { "\"conversation\"", FRAME_ROW },
    };
    struct slice rest = frame;

    *id = 0;
    if (frame.len > 6 && memcmp(frame.ptr, "{\"id\":", 6) == 0) {
        const char *comma = memchr(frame.ptr, ',', frame.len);

        *id = (uint32_t)bench_frame_u64(frame, "id");
        if (comma == NULL)
            return FRAME_OTHER;
        rest = slice_make(comma + 1, frame.len - (size_t)(comma + 1 - frame.ptr));
    } else if (frame.len > 0) {
        rest = slice_make(frame.ptr + 1, frame.len - 1);
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (slice_starts_with(rest, slice_of(kinds[i].name)))
            return kinds[i].kind;
    }
    return FRAME_OTHER;
}

void bench_client_id(char out[33])
{
    static const char hex[] = "0123456789abcdef";
    static uint64_t counter;
    static uint64_t random;
    struct timespec now;
    uint64_t ms;
    uint64_t words[2];

    if (random == 0 && getrandom(&random, sizeof(random), 0) != sizeof(random))
        bench_fail("getrandom: errno %d", errno);
    clock_gettime(CLOCK_REALTIME, &now);
    ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    counter++;
    words[0] = ms << 16 | 0x7000 | (counter >> 20 & 0xfff);
    words[1] = 1ULL << 63 | (counter & 0xfffff) << 40 | (random & 0xffffffffff);
    for (int i = 0; i < 32; i++)
        out[i] = hex[words[i / 16] >> (60 - 4 * (i % 16)) & 15];
    out[32] = '\0';
}
