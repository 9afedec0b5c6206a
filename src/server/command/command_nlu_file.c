/* SPDX-License-Identifier: Apache-2.0 */
/* Files of `kefu nlu`. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command_nlu.h"
#include "examples_file.h"
#include "mem.h"

enum { READ_STEP = 256 * 1024 };

/* The name of the file before what its reader found. */
static enum err_code blame(struct err *err, const char *path)
{
    const char *slash = strrchr(path, '/');

    snprintf(err->field, sizeof(err->field), "%s",
             slash != NULL && slash[1] != '\0' ? slash + 1 : path);
    return err->code;
}

enum err_code nlu_file_read(const char *path, size_t bytes_max, struct buf *out, struct err *err)
{
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;

    if (fd < 0) {
        (void)err_set(err, ERR_IO, "%s", strerror(errno));
        return blame(err, path);
    }
    buf_init(out, bytes_max + READ_STEP);
    do {
        char *to = buf_reserve(out, READ_STEP);

        if (to == NULL || out->len > bytes_max) {
            (void)err_set(err, ERR_TOO_BIG, "more than %zu bytes", bytes_max);
            break;
        }
        n = read(fd, to, READ_STEP);
        if (n < 0)
            (void)err_set(err, ERR_IO, "%s", strerror(errno));
        else
            buf_commit(out, (size_t)n);
    } while (n > 0);
    close(fd);
    if (n == 0)
        return ERR_OK;
    buf_fini(out);
    return blame(err, path);
}

static enum err_code write_all(FILE *file, struct slice bytes, struct err *err)
{
    bool fine = fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len && fflush(file) == 0 &&
                fsync(fileno(file)) == 0;
    int code = errno;

    fine = fclose(file) == 0 && fine;
    return fine ? ERR_OK : err_set(err, ERR_IO, "%s", strerror(code));
}

enum err_code nlu_file_write(const char *path, struct slice bytes, struct err *err)
{
    char beside[4096];
    enum err_code rc;
    FILE *file;

    snprintf(beside, sizeof(beside), "%s.%ld.tmp", path, (long)getpid());
    file = fopen(beside, "wb");
    rc = file != NULL ? write_all(file, bytes, err) : err_set(err, ERR_IO, "%s", strerror(errno));
    if (rc == ERR_OK && rename(beside, path) != 0)
        rc = err_set(err, ERR_IO, "%s", strerror(errno));
    if (rc == ERR_OK)
        return rc;
    (void)unlink(beside);
    return blame(err, path);
}

enum err_code nlu_examples_read(const char *const *paths, int count, struct example_set *set,
                                struct err *err)
{
    for (int i = 0; i < count; i++) {
        struct buf file;
        enum err_code rc = nlu_file_read(paths[i], EXAMPLES_FILE_BYTES_MAX, &file, err);

        if (rc != ERR_OK)
            return rc;
        rc = examples_read(buf_slice(&file), set, err);
        buf_fini(&file);
        if (rc != ERR_OK)
            return blame(err, paths[i]);
    }
    return ERR_OK;
}

void nlu_texts_init(struct nlu_texts *texts)
{
    *texts = (struct nlu_texts){ 0 };
    arena_init(&texts->arena, EXAMPLES_BYTES_MAX);
}

void nlu_texts_fini(struct nlu_texts *texts)
{
    free(texts->items);
    arena_fini(&texts->arena);
}

static void on_text(void *ctx, struct slice text)
{
    struct nlu_texts *texts = ctx;
    char *copy = arena_strdup(&texts->arena, text);

    if (copy == NULL)
        return; /* the arena holds four files of the largest size; beyond that they are dropped */
    if (texts->count == texts->cap) {
        texts->cap = texts->cap > 0 ? 2 * texts->cap : 1024;
        texts->items = mem_realloc(texts->items, texts->cap * sizeof(*texts->items));
    }
    texts->items[texts->count++] = slice_make(copy, text.len);
}

enum err_code nlu_texts_read(const char *const *paths, int count, struct nlu_texts *texts,
                             struct err *err)
{
    for (int i = 0; i < count; i++) {
        struct buf file;
        enum err_code rc = nlu_file_read(paths[i], EXAMPLES_FILE_BYTES_MAX, &file, err);

        if (rc != ERR_OK)
            return rc;
        rc = examples_read_lines(buf_slice(&file), on_text, texts, err);
        buf_fini(&file);
        if (rc != ERR_OK)
            return blame(err, paths[i]);
    }
    return ERR_OK;
}

enum err_code nlu_model_open(const char *path, struct nlu_model *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum err_code rc = ERR_OK;
    struct stat st;

    *out = (struct nlu_model){ 0 };
    if (fd < 0 || fstat(fd, &st) != 0)
        rc = err_set(err, ERR_IO, "%s", strerror(errno));
    else if (st.st_size > INTENT_MODEL_BYTES_MAX)
        rc = err_set(err, ERR_TOO_BIG, "model of more than %d bytes", INTENT_MODEL_BYTES_MAX);
    else if (st.st_size == 0 || !S_ISREG(st.st_mode))
        rc = err_set(err, ERR_INVALID, "not a model file");
    if (rc == ERR_OK) {
        out->bytes = (size_t)st.st_size;
        out->map = mmap(NULL, out->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (out->map == MAP_FAILED) {
            out->map = NULL;
            rc = err_set(err, ERR_IO, "%s", strerror(errno));
        }
    }
    if (fd >= 0)
        close(fd);
    if (rc == ERR_OK)
        rc = intent_model_open(slice_make(out->map, out->bytes), &out->model, err);
    if (rc == ERR_OK)
        return ERR_OK;
    nlu_model_close(out);
    return blame(err, path);
}

void nlu_model_close(struct nlu_model *model)
{
    intent_model_close(&model->model);
    if (model->map != NULL)
        munmap(model->map, model->bytes);
    model->map = NULL;
}
