/* SPDX-License-Identifier: Apache-2.0 */
#include "command_flow_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "mem.h"

static bool has_ending(const char *path, const char *ending)
{
    size_t len = strlen(path);
    size_t tail = strlen(ending);

    return len > tail && strcmp(path + len - tail, ending) == 0;
}

static bool is_source(const char *path)
{
    return has_ending(path, ".yaml") || has_ending(path, ".yml") || has_ending(path, ".json");
}

static struct flow_file *file_add(struct flow_files *files, const char *path)
{
    if (files->count == files->cap) {
        files->cap = files->cap == 0 ? 64 : 2 * files->cap;
        files->items = mem_realloc(files->items, files->cap * sizeof(*files->items));
    }
    files->items[files->count] =
        (struct flow_file){ .path = mem_strndup(path, strlen(path)),
                            .report = mem_zalloc(sizeof(struct flow_report)) };
    return &files->items[files->count++];
}

static bool already_there(const struct flow_files *files, const char *path)
{
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->items[i].path, path) == 0)
            return true;
    }
    return false;
}

static enum err_code file_read(struct flow_files *files, const char *path, struct err *err)
{
    FILE *in = fopen(path, "rb");
    struct flow_file *file;
    char *bytes;
    size_t len;

    if (in == NULL)
        return err_set_field(err, ERR_IO, path, "%s", strerror(errno));
    /* One byte more than the limit shows that it is passed. */
    bytes = mem_alloc(FLOW_SOURCE_BYTES_MAX + 1);
    len = fread(bytes, 1, FLOW_SOURCE_BYTES_MAX + 1, in);
    if (ferror(in) != 0) {
        fclose(in);
        free(bytes);
        return err_set_field(err, ERR_IO, path, "%s", strerror(errno));
    }
    fclose(in);
    file = file_add(files, path);
    file->source = slice_make(mem_realloc(bytes, len > 0 ? len : 1), len);
    file->kind = story_file_kind(file->source);
    return ERR_OK;
}

/* A file that was named is meant to be one of ours; in a folder other ones may lie beside them. */
static enum err_code given_read(struct flow_files *files, const char *path, struct err *err)
{
    enum err_code rc = already_there(files, path) ? ERR_OK : file_read(files, path, err);
    const struct flow_file *file = rc == ERR_OK ? &files->items[files->count - 1] : NULL;

    if (file != NULL && file->kind == STORY_FILE_OTHER && file->report->count == 0)
        flow_report_add(file->report, "E0", 1, 1,
                        "neither a flow (flow: NAME) nor a story (story: TITLE)");
    return rc;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum err_code folder_read(struct flow_files *files, const char *path, unsigned depth,
                                 struct err *err)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, by_name);
    enum err_code rc = ERR_OK;

    if (count < 0)
        return err_set_field(err, ERR_IO, path, "%s", strerror(errno));
    for (int i = 0; i < count; i++) {
        char child[4096];
        struct stat info;

        if (rc == ERR_OK && entries[i]->d_name[0] != '.') {
            snprintf(child, sizeof(child), "%s/%s", path, entries[i]->d_name);
            if (files->count >= FLOW_FILES_MAX)
                rc = err_set_field(err, ERR_TOO_BIG, path, "more than %d files", FLOW_FILES_MAX);
            else if (stat(child, &info) == 0 && S_ISDIR(info.st_mode) &&
                     depth < FLOW_FOLDER_DEPTH_MAX)
                rc = folder_read(files, child, depth + 1, err);
            else if (is_source(child) && !already_there(files, child))
                rc = file_read(files, child, err);
        }
        free(entries[i]);
    }
    free(entries);
    return rc;
}

static enum err_code path_read(struct flow_files *files, const char *path, struct err *err)
{
    struct stat info;

    if (stat(path, &info) != 0)
        return err_set_field(err, ERR_NOT_FOUND, path, "%s", strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return given_read(files, path, err);
    files->complete = true;
    return folder_read(files, path, 0, err);
}

static enum err_code beside_read(struct flow_files *files, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    char folder[4096];
    bool complete = files->complete;
    enum err_code rc;

    snprintf(folder, sizeof(folder), "%.*s", slash != NULL ? (int)(slash - path) : 1,
             slash != NULL ? path : ".");
    /* A path without a folder is found again with "./" before it: the same file twice is one. */
    if (slash == NULL) {
        char dotted[4096];
        snprintf(dotted, sizeof(dotted), "./%s", path);
        free(files->items[0].path);
        files->items[0].path = mem_strndup(dotted, strlen(dotted));
    }
    rc = folder_read(files, folder, FLOW_FOLDER_DEPTH_MAX, err);
    files->complete = complete;
    return rc;
}

/* First each alone, to learn exits and calls; then again against the others. */
static void compile_all(struct flow_files *files, size_t given)
{
    const struct flow **flows = mem_zalloc((files->count + 1) * sizeof(*flows));
    struct flow_others others = { .flows = flows, .complete = files->complete };
    struct flow_report *report = mem_zalloc(sizeof(*report));

    for (size_t i = 0; i < files->count; i++) {
        struct flow *flow = NULL;

        flow_report_init(report);
        if (files->items[i].kind == STORY_FILE_FLOW)
            flow_compile(files->items[i].source, NULL, NULL, &flow, NULL, report);
        if (flow != NULL)
            flows[others.count++] = flow;
    }
    for (size_t i = 0; i < files->count; i++) {
        struct flow_file *file = &files->items[i];

        if (file->kind != STORY_FILE_FLOW)
            continue;
        others.complete = files->complete && i < given;
        flow_compile(file->source, NULL, &others, &file->flow, &file->facts, file->report);
        if (file->flow == NULL)
            continue;
        snprintf(file->flow_name, sizeof(file->flow_name), "%.*s", (int)flow_name(file->flow).len,
                 flow_name(file->flow).ptr);
        file->flow_version = flow_version(file->flow);
    }
    for (size_t i = 0; i < others.count; i++)
        free((void *)(uintptr_t)flows[i]);
    free(flows);
    free(report);
}

enum err_code flow_files_load(struct flow_files *files, char *const *paths, int count, bool beside,
                              size_t *given, struct err *err)
{
    enum err_code rc = ERR_OK;

    memset(files, 0, sizeof(*files));
    for (int i = 0; i < count && rc == ERR_OK; i++)
        rc = path_read(files, paths[i], err);
    *given = files->count;
    if (rc == ERR_OK && files->count == 0)
        rc = err_set_field(err, ERR_NOT_FOUND, paths[0], "no .yaml, .yml or .json file there");
    if (rc == ERR_OK && beside && count == 1 && files->count == 1)
        rc = beside_read(files, paths[0], err);
    if (rc == ERR_OK)
        compile_all(files, *given);
    else
        flow_files_free(files);
    return rc;
}

void flow_files_free(struct flow_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->items[i].path);
        free((void *)(uintptr_t)files->items[i].source.ptr);
        free(files->items[i].report);
        flow_destroy(&files->items[i].flow);
    }
    free(files->items);
    memset(files, 0, sizeof(*files));
}

struct flow_set *flow_files_set(struct flow_files *files)
{
    struct flow_set *set = flow_set_create();

    for (size_t i = 0; i < files->count; i++) {
        struct flow_file *file = &files->items[i];
        struct err err;

        if (file->flow != NULL && flow_set_add(set, &file->flow, &err) != ERR_OK)
            flow_report_add(file->report, "E0", 1, 1, "%s", err.text);
    }
    return set;
}

size_t flow_files_report(const struct flow_files *files, size_t count, FILE *out)
{
    size_t errors = 0;

    for (size_t i = 0; i < count; i++) {
        const struct flow_report *report = files->items[i].report;

        errors += report->errors;
        for (size_t k = 0; k < report->count; k++) {
            const struct flow_finding *f = &report->findings[k];
            fprintf(out, "%s:%u:%u: %s: %s\n", files->items[i].path, f->line, f->column, f->code,
                    f->text);
        }
    }
    return errors;
}
