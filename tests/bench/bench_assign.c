/* SPDX-License-Identifier: Apache-2.0 */
/* assign: an agent closes a conversation, so a place is free; how long until the next visitor and
 * the agent's console both know of each other? Two turns are committed and synced on the way: the
 * closing and the assignment. Measured on an idle server, which is the baseline, and again while
 * the same server answers questions at a share of its capacity (--load), which is measured first.
 * One agent, one free place at a time; whoever was served asks for a person again. The console has
 * the inbox open, as consoles have: it hears of the assignment by a row, and the load is all in its
 * workspace. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench_server.h"
#include "bench_ws.h"
#include "mem.h"

enum {
    VISITORS = 24,      /* some are served, the rest waits */
    GAP_US = 20 * 1000, /* between an assignment and the next close */
    PATIENCE_US = 10 * 1000000,
    PROBE_SECONDS = 4,
    REPLY_MAX = 64 * 1024,
    LOAD_CONNECTIONS = 64,
    INBOX_ID = 2, /* of the subscription's frame; closes count from the next one */
};

struct guest {
    struct bench_ws *ws;
    char conv[24];
    uint32_t next_id;
    bool held; /* by the agent, as the visitor was told */
};

static struct {
    struct bench_ws_pool *pool;
    struct bench_ws *desk; /* the agent's console */
    char ticket[128];
    uint32_t next_id;
    struct guest guests[VISITORS];
    struct guest *wanted; /* who was told first, of the pair that is waited for */
    char seen[24];        /* conversation that the console was told of */
    int64_t closed_us, visitor_us, console_us;
    bool welcome, subscribed;
    bool busy;              /* the close was answered so: it is sent again */
    uint64_t rows, relists; /* that the console was sent */
    struct bench_hist hist;
    uint64_t count;
} run;

/* ---- a log-in -------------------------------------------------------------------------------- */

static void post(uint16_t port, const char *path, const char *cookie, const char *csrf,
                 const char *body, char reply[REPLY_MAX])
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    char request[2048];
    size_t len = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int n = snprintf(request, sizeof(request),
                     "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nOrigin: http://127.0.0.1:%u\r\n"
                     "Content-Type: application/json\r\nCookie: %s\r\nX-CSRF-Token: %s\r\n"
                     "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
                     path, port, port, cookie, csrf, strlen(body), body);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
        send(fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        bench_fail("POST %s: no connection", path);
    while (len < REPLY_MAX - 1) {
        ssize_t got = recv(fd, reply + len, REPLY_MAX - 1 - len, 0);

        if (got <= 0)
            break;
        len += (size_t)got;
    }
    close(fd);
    reply[len] = '\0';
    if (strncmp(reply, "HTTP/1.1 200", 12) != 0)
        bench_fail("POST %s: %.200s", path, reply);
}

/* The first log-in that the demo wrote down. */
static void login_read(const char *dir, char email[128], char password[128])
{
    char path[256];
    char line[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/demo-logins.txt", dir);
    file = fopen(path, "r");
    email[0] = '\0';
    while (file != NULL && email[0] == '\0' && fgets(line, sizeof(line), file) != NULL) {
        if (strchr(line, '@') == NULL || sscanf(line, "%127s %127s", email, password) != 2)
            email[0] = '\0';
    }
    if (file != NULL)
        fclose(file);
    if (email[0] == '\0')
        bench_fail("no log-in in %s", path);
}

static void agent_login(const struct bench_server *server)
{
    static char reply[REPLY_MAX];
    char email[128];
    char password[128];
    char body[512];
    char csrf[128];
    char cookie[256];
    const char *at;

    login_read(server->dir, email, password);
    snprintf(body, sizeof(body), "{\"email\":\"%s\",\"password\":\"%s\"}", email, password);
    post(server->process.port, "/api/v1/login", "", "", body, reply);
    at = strstr(reply, "et-Cookie: ");
    if (at == NULL)
        at = strstr(reply, "et-cookie: ");
    if (at == NULL || !bench_frame_text(slice_of(reply), "csrfToken", csrf, sizeof(csrf)))
        bench_fail("log-in without a cookie");
    snprintf(cookie, sizeof(cookie), "%.*s", (int)strcspn(at + 11, ";\r"), at + 11);
    post(server->process.port, "/api/v1/ws-tickets", cookie, csrf, "{}", reply);
    if (!bench_frame_text(slice_of(reply), "ticket", run.ticket, sizeof(run.ticket)))
        bench_fail("no ticket");
}

/* ---- both sides ------------------------------------------------------------------------------ */

static void send_text(struct bench_ws *ws, const char *text)
{
    bench_ws_send(ws, slice_of(text));
}

static void ask_for_person(struct guest *guest)
{
    char client_id[33];
    char frame[512];

    bench_client_id(client_id);
    if (guest->conv[0] == '\0')
        snprintf(frame, sizeof(frame),
                 "{\"id\":%u,\"start\":{\"clientId\":\"%s\",\"text\":\"转人工\"}}",
                 guest->next_id++, client_id);
    else
        snprintf(frame, sizeof(frame),
                 "{\"id\":%u,\"send\":{\"conversationId\":\"%s\",\"clientId\":\"%s\","
                 "\"text\":\"转人工\"}}",
                 guest->next_id++, guest->conv, client_id);
    send_text(guest->ws, frame);
}

static void on_open(struct bench_ws *ws)
{
    char frame[256];

    if (ws == run.desk)
        snprintf(frame, sizeof(frame), "{\"id\":1,\"hello\":{\"ticket\":\"%s\"}}", run.ticket);
    else
        snprintf(frame, sizeof(frame), "{\"id\":1,\"hello\":{\"siteKey\":\"demo\"}}");
    send_text(ws, frame);
}

/* Before the present turn: rows of these change for other reasons too. */
static bool held(const char *conv)
{
    for (unsigned i = 0; i < VISITORS; i++) {
        if (strcmp(run.guests[i].conv, conv) == 0)
            return run.guests[i].held && &run.guests[i] != run.wanted;
    }
    return true; /* nobody of ours */
}

static void desk_hears(struct slice message)
{
    char conv[24];
    uint32_t id;
    enum bench_frame kind = bench_frame_kind(message, &id);

    run.welcome = run.welcome || kind == FRAME_WELCOME;
    run.subscribed = run.subscribed || (kind == FRAME_ACK && id == INBOX_ID);
    run.relists += bench_frame_has(message, "{\"resync\":{}}");
    if (kind == FRAME_ERROR && !bench_frame_has(message, "\"busy\""))
        bench_fail("console: %.*s", SLICE_ARGS(message));
    run.busy = run.busy || kind == FRAME_ERROR;
    if (kind != FRAME_ROW)
        return;
    run.rows++;
    if (run.closed_us == 0 || !bench_frame_has(message, "\"state\":\"agent\"") ||
        !bench_frame_text(message, "id", conv, sizeof(conv)) || held(conv))
        return;
    if (run.console_us == 0) {
        snprintf(run.seen, sizeof(run.seen), "%s", conv);
        run.console_us = bench_now_us();
    }
}

static void guest_hears(struct guest *guest, struct slice message)
{
    uint32_t id;

    switch (bench_frame_kind(message, &id)) {
    case FRAME_WELCOME:
        guest->next_id = 2;
        ask_for_person(guest);
        break;
    case FRAME_ACK:
        if (guest->conv[0] == '\0')
            bench_frame_text(message, "conversationId", guest->conv, sizeof(guest->conv));
        break;
    case FRAME_ERROR:
        if (!bench_frame_has(message, "\"busy\""))
            bench_fail("visitor: %.*s", SLICE_ARGS(message));
        ask_for_person(guest);
        break;
    case FRAME_EVENT:
        if (bench_frame_has(message, "\"kind\":\"assigned\"")) {
            guest->held = true;
            if (run.closed_us != 0 && run.visitor_us == 0) {
                run.visitor_us = bench_now_us();
                run.wanted = guest;
            }
        } else if (bench_frame_has(message, "\"kind\":\"closed\"")) {
            guest->held = false;
            ask_for_person(guest);
        }
        break;
    default:
        break;
    }
}

static void on_message(struct bench_ws *ws, struct slice message)
{
    if (ws == run.desk)
        desk_hears(message);
    else
        guest_hears(ws->user, message);
}

static void on_closed(struct bench_ws *ws, int code)
{
    bench_fail("connection %u closed with %d", ws->index, code);
}

static const struct bench_ws_ops assign_ops = { on_open, on_message, on_closed };

static unsigned held_count(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < VISITORS; i++)
        count += run.guests[i].held;
    return count;
}

static void inbox_open(int64_t end)
{
    char frame[64];

    while (!run.welcome && bench_now_us() < end)
        bench_ws_poll(run.pool, 1000);
    snprintf(frame, sizeof(frame), "{\"id\":%d,\"subscribe\":{\"inbox\":true}}", INBOX_ID);
    send_text(run.desk, frame);
    while (!run.subscribed && bench_now_us() < end)
        bench_ws_poll(run.pool, 1000);
}

/* The agent's places fill; the others wait. */
static void begin(const struct bench_server *server)
{
    int64_t end = bench_now_us() + PATIENCE_US;

    agent_login(server);
    run.desk = bench_ws_connect(run.pool, server->process.port, "/ws", "kefu.v1.json", NULL);
    inbox_open(end);
    for (unsigned i = 0; i < VISITORS; i++) {
        struct guest *guest = &run.guests[i];

        guest->ws = bench_ws_connect(run.pool, server->process.port, "/ws", "kefu.v1.json", NULL);
        guest->ws->user = guest;
        while (guest->conv[0] == '\0' && bench_now_us() < end)
            bench_ws_poll(run.pool, 1000);
    }
    while (held_count() == 0 && bench_now_us() < end)
        bench_ws_poll(run.pool, 1000);
    if (held_count() == 0)
        bench_fail("nobody was given to the agent");
}

static void pass(int64_t us)
{
    int64_t end = bench_now_us() + us;

    while (bench_now_us() < end)
        bench_ws_poll(run.pool, 1000);
}

static struct guest *next_held(unsigned from)
{
    for (unsigned i = 0; i < VISITORS; i++) {
        struct guest *guest = &run.guests[(from + i) % VISITORS];

        if (guest->held)
            return guest;
    }
    return NULL;
}

/* The clock runs from the close that is not refused. */
static void close_send(const struct guest *guest)
{
    char client_id[33];
    char frame[256];

    run.visitor_us = run.console_us = 0;
    run.wanted = NULL;
    run.busy = false;
    bench_client_id(client_id);
    snprintf(frame, sizeof(frame),
             "{\"id\":%u,\"close\":{\"conversationId\":\"%s\",\"clientId\":\"%s\"}}",
             INBOX_ID + 1 + run.next_id++, guest->conv, client_id);
    run.closed_us = bench_now_us();
    send_text(run.desk, frame);
}

/* One place is freed, and the next one is told. */
static void once(unsigned turn)
{
    struct guest *guest = next_held(turn);
    int64_t end = bench_now_us() + PATIENCE_US;

    if (guest == NULL)
        bench_fail("the agent has nobody");
    close_send(guest);
    while ((run.visitor_us == 0 || run.console_us == 0) && bench_now_us() < end) {
        bench_ws_poll(run.pool, 200);
        if (run.busy)
            close_send(guest);
    }
    if (run.visitor_us == 0 || run.console_us == 0)
        bench_fail("a free place and %u waiting, and nobody was assigned in %d s",
                   VISITORS - held_count(), PATIENCE_US / 1000000);
    if (strcmp(run.wanted->conv, run.seen) != 0)
        bench_fail("the console was told of another conversation than the visitor");
    bench_hist_add(&run.hist, (run.visitor_us > run.console_us ? run.visitor_us : run.console_us) -
                                  run.closed_us);
    run.closed_us = 0;
    run.count++;
    pass(GAP_US);
}

static void measure(double seconds)
{
    int64_t end = bench_now_us() + (int64_t)(seconds * 1e6);

    memset(&run.hist, 0, sizeof(run.hist));
    run.count = run.rows = run.relists = 0;
    for (unsigned turn = 0; bench_now_us() < end; turn++)
        once(turn);
}

/* ---- load ------------------------------------------------------------------------------------ */

static void load_start(struct bench_process *process, uint16_t port, double rate, double seconds)
{
    char numbers[3][32];
    char connections[16];
    char *argv[] = { "kefu-bench", "turns",    "--port",        numbers[0],  "--rate", numbers[1],
                     "--seconds",  numbers[2], "--connections", connections, "--json", NULL };

    snprintf(numbers[0], sizeof(numbers[0]), "%u", port);
    snprintf(numbers[1], sizeof(numbers[1]), "%.1f", rate);
    snprintf(numbers[2], sizeof(numbers[2]), "%.1f", seconds);
    snprintf(connections, sizeof(connections), "%d", LOAD_CONNECTIONS);
    *process = (struct bench_process){ .out_fd = -1 };
    bench_process_start(process, argv);
}

/* What it printed; it ends by itself. */
static double load_end(struct bench_process *process, const char *key)
{
    char text[4096];
    char quoted[64];
    size_t len = 0;
    ssize_t got;
    const char *at;

    while (len < sizeof(text) - 1 &&
           (got = read(process->out_fd, text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = '\0';
    bench_process_stop(process);
    snprintf(quoted, sizeof(quoted), "\"%s\":", key);
    at = strstr(text, quoted);
    if (at == NULL)
        bench_fail("the load says nothing of %s: %.200s", key, text);
    return strtod(at + strlen(quoted), NULL);
}

int bench_assign_main(const struct bench_args *args)
{
    struct bench_server server = { 0 };
    struct bench_process load;
    struct bench_report out;
    double seconds = bench_arg_double(args, "seconds", 10);
    double share = bench_arg_double(args, "load", 0.7);
    double capacity;
    double idle_p50, idle_p99, offered;
    uint64_t idle_count;

    if (seconds < 1 || seconds > BENCH_SECONDS_MAX)
        bench_fail("--seconds: 1 to %d", BENCH_SECONDS_MAX);
    snprintf(server.store, sizeof(server.store), "sqlite");
    bench_server_start(&server);
    run.pool = bench_ws_pool_create(&assign_ops, VISITORS + 1);
    load_start(&load, server.process.port, 0, PROBE_SECONDS);
    capacity = load_end(&load, "turnsPerSecond");
    begin(&server);
    measure(seconds);
    idle_count = run.count;
    idle_p50 = bench_hist_quantile_us(&run.hist, 0.5) / 1000;
    idle_p99 = bench_hist_quantile_us(&run.hist, 0.99) / 1000;
    load_start(&load, server.process.port, share * capacity, seconds + 3);
    pass(2 * 1000000); /* it connects and gets going */
    measure(seconds);
    offered = load_end(&load, "offeredPerSecond");
    bench_report_begin(&out, args, "from a freed agent until both sides know");
    bench_report_number(&out, "capacityTurnsPerSecond", capacity);
    bench_report_number(&out, "loadTurnsPerSecond", offered);
    bench_report_number(&out, "assignments", (double)run.count);
    bench_report_number(&out, "p50Ms", bench_hist_quantile_us(&run.hist, 0.5) / 1000);
    bench_report_number(&out, "p99Ms", bench_hist_quantile_us(&run.hist, 0.99) / 1000);
    bench_report_number(&out, "rowsPerSecond", (double)run.rows / seconds);
    bench_report_number(&out, "listsPerMinute", (double)run.relists * 60 / seconds);
    bench_report_number(&out, "idleAssignments", (double)idle_count);
    bench_report_number(&out, "idleP50Ms", idle_p50);
    bench_report_number(&out, "idleP99Ms", idle_p99);
    bench_report_end(&out);
    bench_ws_pool_destroy(&run.pool);
    bench_server_stop(&server, false);
    return 0;
}
