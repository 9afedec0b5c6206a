/* SPDX-License-Identifier: Apache-2.0 */
/* http: a small JSON GET over kept-alive connections, requests per CPU-second of the server, beside
 * nginx returning the same bytes. Interleaved slices, so that a neighbour's noise hits both. */
#include "bench_server.h"
#include "mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HTTP_CONNECTIONS = 64, HTTP_READ = 65536, HTTP_SLICES = 4 };

struct http_peer {
    int fd;
    size_t got; /* bytes of the reply so far */
};

struct http_load {
    uint16_t port;
    const char *path;
    int epoll_fd;
    struct http_peer peers[HTTP_CONNECTIONS];
    size_t reply_len; /* every reply has the same length */
    char request[256];
    size_t request_len;
    uint64_t requests;
    double cpu_us;
};

static int http_connect(uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        bench_fail("connect to port %u: errno %d", port, errno);
    return fd;
}

static void http_send(struct http_load *load, struct http_peer *peer)
{
    peer->got = 0;
    if (send(peer->fd, load->request, load->request_len, MSG_NOSIGNAL) !=
        (ssize_t)load->request_len)
        bench_fail("send: errno %d", errno);
}

/* Learns the reply's length from its head. */
static void http_learn(struct http_load *load)
{
    static char reply[HTTP_READ];
    size_t len = 0;
    char *head_end = NULL;
    const char *length;
    int fd = http_connect(load->port);

    if (send(fd, load->request, load->request_len, MSG_NOSIGNAL) < 0)
        bench_fail("send: errno %d", errno);
    while (head_end == NULL) {
        ssize_t n = recv(fd, reply + len, sizeof(reply) - 1 - len, 0);

        if (n <= 0)
            bench_fail("no reply from port %u", load->port);
        len += (size_t)n;
        reply[len] = '\0';
        head_end = strstr(reply, "\r\n\r\n");
    }
    if (strncmp(reply, "HTTP/1.1 200", 12) != 0)
        bench_fail("reply: %.60s", reply);
    length = strcasestr(reply, "content-length:");
    if (length == NULL)
        bench_fail("reply without Content-Length");
    load->reply_len = (size_t)(head_end + 4 - reply) + strtoul(length + 15, NULL, 10);
    close(fd);
}

static void http_open(struct http_load *load, uint16_t port, const char *path)
{
    *load = (struct http_load){ .port = port, .path = path };
    load->request_len = (size_t)snprintf(load->request, sizeof(load->request),
                                         "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    http_learn(load);
    load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < HTTP_CONNECTIONS; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = &load->peers[i] };

        load->peers[i].fd = http_connect(port);
        epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, load->peers[i].fd, &event);
    }
}

static void http_close(struct http_load *load)
{
    for (int i = 0; i < HTTP_CONNECTIONS; i++)
        close(load->peers[i].fd);
    close(load->epoll_fd);
}

static void http_run(struct http_load *load, pid_t pid, double seconds)
{
    static char sink[HTTP_READ];
    double cpu = bench_process_cpu_us(pid);
    int64_t end = bench_now_us() + (int64_t)(seconds * 1e6);
    unsigned in_flight = HTTP_CONNECTIONS;

    for (int i = 0; i < HTTP_CONNECTIONS; i++)
        http_send(load, &load->peers[i]);
    while (in_flight > 0) {
        struct epoll_event events[HTTP_CONNECTIONS];
        int n = epoll_wait(load->epoll_fd, events, HTTP_CONNECTIONS, 5000);

        if (n == 0)
            bench_fail("no reply from port %u for 5 s", load->port);
        for (int i = 0; i < n; i++) {
            struct http_peer *peer = events[i].data.ptr;
            ssize_t got = recv(peer->fd, sink, sizeof(sink), 0);

            if (got <= 0)
                bench_fail("port %u closed a connection", load->port);
            peer->got += (size_t)got;
            if (peer->got < load->reply_len)
                continue;
            load->requests++;
            if (bench_now_us() < end)
                http_send(load, peer);
            else
                in_flight--;
        }
    }
    load->cpu_us += bench_process_cpu_us(pid) - cpu;
}

/* nginx in the foreground as one process, so that its pid is the one that works. */
static bool nginx_start(struct bench_process *process, const char *body)
{
    static char conf_path[256];
    char path[256];
    FILE *conf;
    char *argv[] = { "nginx", "-c", conf_path, "-p", process->dir, NULL };

    if (!bench_program_found("nginx", path, sizeof(path)))
        return false;
    bench_temp_dir(process->dir, sizeof(process->dir));
    chmod(process->dir, 0755);
    process->port = bench_free_port();
    snprintf(conf_path, sizeof(conf_path), "%s/nginx.conf", process->dir);
    conf = fopen(conf_path, "w");
    if (conf == NULL)
        bench_fail("cannot write %s", conf_path);
    fprintf(conf,
            "daemon off; master_process off; pid %s/pid; error_log %s/log crit;\n"
            "events { worker_connections 512; }\n"
            "http { access_log off; keepalive_requests 100000000; client_body_temp_path %s/b;\n"
            " proxy_temp_path %s/p; fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path "
            "%s/s;\n"
            " server { listen 127.0.0.1:%u; location / { default_type application/json; return 200 "
            "'%s'; } } }\n",
            process->dir, process->dir, process->dir, process->dir, process->dir, process->dir,
            process->dir, process->port, body);
    fclose(conf);
    bench_process_start(process, argv);
    for (int i = 0; i < 1000 && bench_http_get(process->port, "/", NULL, 0) != 200; i++)
        usleep(5000);
    return true;
}

int bench_http_main(const struct bench_args *args)
{
    double seconds = (double)bench_arg_long(args, "seconds", 8, 1, BENCH_SECONDS_MAX);
    struct bench_server server = { .shards = 1 };
    struct bench_process nginx = { .out_fd = -1 };
    struct bench_report report;
    struct http_load ours;
    struct http_load theirs;
    char body[4096];
    bool beside;
    double our_rate;

    bench_server_start(&server);
    if (bench_http_get(server.process.port, "/healthz", body, sizeof(body)) != 200)
        bench_fail("/healthz does not answer");
    beside = nginx_start(&nginx, body);
    http_open(&ours, server.process.port, "/healthz");
    if (beside)
        http_open(&theirs, nginx.port, "/");
    for (int i = 0; i < HTTP_SLICES; i++) {
        http_run(&ours, server.process.pid, seconds / HTTP_SLICES / 2);
        if (beside)
            http_run(&theirs, nginx.pid, seconds / HTTP_SLICES / 2);
    }
    our_rate = (double)ours.requests * 1e6 / ours.cpu_us;
    bench_report_begin(&report, args, "http: a small JSON GET, 64 kept-alive connections");
    bench_report_number(&report, "requestsPerCpuSecond", our_rate);
    bench_report_number(&report, "requestsPerSecond", (double)ours.requests / (seconds / 2));
    if (beside) {
        double their_rate = (double)theirs.requests * 1e6 / theirs.cpu_us;

        bench_report_number(&report, "nginxRequestsPerCpuSecond", their_rate);
        bench_report_number(&report, "ratioToNginx", our_rate / their_rate);
        http_close(&theirs);
    } else {
        bench_report_text(&report, "nginx", "not installed (nginx-light)");
    }
    bench_report_end(&report);
    http_close(&ours);
    bench_process_stop(&nginx);
    bench_server_stop(&server, false);
    return 0;
}
