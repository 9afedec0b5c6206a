/* SPDX-License-Identifier: Apache-2.0 */
#include "command_control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "buf.h"
#include "schema.h"

enum { CONTROL_REPLY_MAX = 64 * 1024 };

/* -1: nobody listens there. */
static int control_connect(const char *data, struct err *err)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd;

    if ((size_t)snprintf(at.sun_path, sizeof(at.sun_path), "%s/kefu.sock", data) >=
        sizeof(at.sun_path)) {
        err_set_field(err, ERR_TOO_BIG, "data", "the path of its socket is too long");
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
        return fd;
    err_set(err, ERR_UNAVAILABLE, "no server answers at %s/kefu.sock: %s", data, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

bool control_running(const char *data)
{
    int fd = control_connect(data, NULL);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static enum err_code line_send(int fd, const Kefu__V1__ControlRequest *request, struct err *err)
{
    struct buf line;
    enum err_code rc = ERR_OK;

    buf_init(&line, CONTROL_REPLY_MAX);
    schema_json_encode(&request->base, &line);
    buf_add_char(&line, '\n');
    if (!buf_ok(&line) || send(fd, line.ptr, line.len, MSG_NOSIGNAL) != (ssize_t)line.len)
        rc = err_set(err, ERR_IO, "cannot send the command: %s", strerror(errno));
    buf_fini(&line);
    return rc;
}

static enum err_code line_receive(int fd, struct buf *out, struct err *err)
{
    for (;;) {
        char bytes[4096];
        ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        buf_add(out, bytes, (size_t)n);
    }
    if (!buf_ok(out) || out->len == 0 || out->ptr[out->len - 1] != '\n')
        return err_set(err, ERR_UNAVAILABLE, "the server ended before it answered");
    out->len--;
    return ERR_OK;
}

static enum err_code reply_read(struct slice line, struct arena *arena,
                                Kefu__V1__ControlReply **out, struct err *err)
{
    ProtobufCMessage *msg = NULL;
    const Kefu__V1__ControlReply *reply;
    enum err_code rc =
        schema_json_decode(&kefu__v1__control_reply__descriptor, line, arena, &msg, err);

    if (rc != ERR_OK)
        return rc;
    reply = (const Kefu__V1__ControlReply *)msg;
    if (out != NULL)
        *out = (Kefu__V1__ControlReply *)msg;
    if (reply->ok)
        return ERR_OK;
    if (reply->error == NULL)
        return err_set(err, ERR_INVALID, "the server's answer is neither ok nor an error");
    for (int i = 1; i < ERR_CODE_COUNT; i++) {
        if (strcmp(err_code_name((enum err_code) - i), reply->error->code) == 0)
            return err_set_field(err, (enum err_code) - i, reply->error->field, "%s",
                                 reply->error->message);
    }
    return err_set(err, ERR_IO, "%s", reply->error->message);
}

enum err_code control_call(const char *data, const Kefu__V1__ControlRequest *request,
                           struct arena *arena, Kefu__V1__ControlReply **out, struct err *err)
{
    int fd = control_connect(data, err);
    struct buf line;
    enum err_code rc;

    if (fd < 0)
        return err != NULL ? err->code : ERR_UNAVAILABLE;
    buf_init(&line, CONTROL_REPLY_MAX);
    rc = line_send(fd, request, err);
    if (rc == ERR_OK)
        rc = line_receive(fd, &line, err);
    if (rc == ERR_OK)
        rc = reply_read(buf_slice(&line), arena, out, err);
    buf_fini(&line);
    close(fd);
    return rc;
}
