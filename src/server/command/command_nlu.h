/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of `kefu nlu` share: files in and out, models as mapped files. */
#ifndef KEFU_COMMAND_NLU_H
#define KEFU_COMMAND_NLU_H

#include "buf.h"
#include "command.h"
#include "examples.h"
#include "intent.h"

enum {
    NLU_FILES_MAX = 64, /* of one option */
    NLU_REPORT_BYTES_MAX = 64 * 1024 * 1024,
};

/* The whole file; "-" is standard input. Faults name the file. */
MUST_USE enum err_code nlu_file_read(const char *path, size_t bytes_max, struct buf *out,
                                     struct err *err);
/* Written beside its place and moved there, so that a reader sees the old file or the new one. */
MUST_USE enum err_code nlu_file_write(const char *path, struct slice bytes, struct err *err);

/* All files into one set. */
MUST_USE enum err_code nlu_examples_read(const char *const *paths, int count,
                                         struct example_set *set, struct err *err);

/* Texts of files with one a line. */
struct nlu_texts {
    struct slice *items;
    size_t count, cap;
    struct arena arena;
};
void nlu_texts_init(struct nlu_texts *texts);
void nlu_texts_fini(struct nlu_texts *texts);
MUST_USE enum err_code nlu_texts_read(const char *const *paths, int count, struct nlu_texts *texts,
                                      struct err *err);

struct nlu_model {
    void *map;
    size_t bytes;
    struct intent_model *model;
};
MUST_USE enum err_code nlu_model_open(const char *path, struct nlu_model *out, struct err *err);
void nlu_model_close(struct nlu_model *model);

int command_nlu_train(struct command_args *args);
int command_nlu_eval(struct command_args *args);
int command_nlu_predict(struct command_args *args);
int command_nlu_vectors(struct command_args *args);
int command_nlu_convert(struct command_args *args);
int command_nlu_inbox(struct command_args *args);

#endif
