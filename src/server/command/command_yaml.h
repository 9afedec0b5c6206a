/* SPDX-License-Identifier: Apache-2.0 */
/* YAML files as JSON text, for what reads JSON. A strict subset: one document, no anchors, aliases
 * and tags. Plain scalars are numbers where JSON would call them so, true, false and null; all else
 * is text, so that `no`, `0s` and 2026-10-01 stay what they look like. */
#ifndef KEFU_COMMAND_YAML_H
#define KEFU_COMMAND_YAML_H

#include "buf.h"
#include "err.h"
#include "slice.h"

/* Fault: err->field is "line 3, column 7". A text that begins with a brace or bracket is taken for
 * JSON and copied. */
MUST_USE enum err_code command_yaml_to_json(struct slice yaml, struct buf *json, struct err *err);
/* The same of a file; faults name it. */
MUST_USE enum err_code command_yaml_file(const char *path, size_t bytes_max, struct buf *json,
                                         struct err *err);

#endif
