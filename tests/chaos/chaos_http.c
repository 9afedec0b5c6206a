/* SPDX-License-Identifier: Apache-2.0 */
#include "chaos_http.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "bench_server.h"

enum { REPLY_BYTES_MAX = 16 << 20, REPLY_SECONDS_MAX = 10 };

static int connected(uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct timeval timeout = { .tv_sec = REPLY_SECONDS_MAX };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    return fd;
}

static void reply_receive(int fd, struct http_reply *reply)
{
    char *room;
    ssize_t n;

    while ((room = buf_reserve(&reply->bytes, 65536)) != NULL && (n = recv(fd, room, 65536, 0)) > 0)
        buf_commit(&reply->bytes, (size_t)n);
}

static void reply_split(struct http_reply *reply)
{
    struct slice all = buf_slice(&reply->bytes);
    const char *end = all.len > 0 ? memmem(all.ptr, all.len, "\r\n\r\n", 4) : NULL;

    if (end == NULL || sscanf(all.ptr, "HTTP/1.1 %d", &reply->status) != 1)
        return;
    reply->head = slice_make(all.ptr, (size_t)(end + 4 - all.ptr));
    reply->body = slice_make(end + 4, all.len - reply->head.len);
}

void chaos_http_call(uint16_t port, const char *method, const char *path, const char *fields,
                     const char *body, struct http_reply *reply)
{
    struct buf request;
    int fd = connected(port);

    *reply = (struct http_reply){ .status = -1 };
    buf_init(&reply->bytes, REPLY_BYTES_MAX);
    if (fd < 0)
        return;
    buf_init(&request, REPLY_BYTES_MAX);
    buf_printf(&request, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n%s", method,
               path, port, fields);
    if (body != NULL)
        buf_printf(&request, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                   strlen(body));
    buf_add_text(&request, "\r\n");
    buf_add_text(&request, body != NULL ? body : "");
    if (send(fd, request.ptr, request.len, MSG_NOSIGNAL) == (ssize_t)request.len)
        reply_receive(fd, reply);
    buf_fini(&request);
    close(fd);
    reply_split(reply);
}

void chaos_http_free(struct http_reply *reply)
{
    buf_fini(&reply->bytes);
}

bool chaos_login(struct chaos_login *login, uint16_t port, const char *data_dir)
{
    char path[256];
    char email[128];
    char password[128];
    char body[512];
    char csrf[128] = "";
    char cookie[256] = "";
    struct http_reply reply;
    const char *set;
    FILE *file;

    snprintf(path, sizeof(path), "%s/demo-logins.txt", data_dir);
    file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%127s %127s", email, password) != 2)
        bench_fail("no log-in in %s", path);
    fclose(file);
    snprintf(path, sizeof(path), "Origin: http://127.0.0.1:%u\r\n", port);
    snprintf(body, sizeof(body), "{\"email\":\"%s\",\"password\":\"%s\"}", email, password);
    chaos_http_call(port, "POST", "/api/v1/login", path, body, &reply);
    set = reply.head.len > 0 ? memmem(reply.head.ptr, reply.head.len, "Set-Cookie: ", 12) : NULL;
    if (reply.status != 200 || set == NULL || sscanf(set, "Set-Cookie: %255[^;]", cookie) != 1 ||
        !bench_frame_text(reply.body, "csrfToken", csrf, sizeof(csrf)) ||
        !bench_frame_text(reply.body, "id", login->agent, sizeof(login->agent)))
        cookie[0] = '\0';
    snprintf(login->fields, sizeof(login->fields), "Cookie: %s\r\n%sX-Csrf-Token: %s\r\n", cookie,
             path, csrf);
    chaos_http_free(&reply);
    return cookie[0] != '\0';
}
