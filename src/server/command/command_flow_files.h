/* SPDX-License-Identifier: Apache-2.0 */
/* Flow and story files of a command line: found in folders, read, compiled against one another. */
#ifndef KEFU_COMMAND_FLOW_FILES_H
#define KEFU_COMMAND_FLOW_FILES_H

#include <stdio.h>

#include "flow.h"
#include "story.h"

enum { FLOW_FILES_MAX = 20000, FLOW_FOLDER_DEPTH_MAX = 8 };

struct flow_file {
    char *path;
    struct slice source;
    enum story_file_kind kind;
    struct flow *flow; /* NULL: it has errors, or is no flow, or moved into the set */
    struct flow_facts facts;
    struct flow_report *report;
    char flow_name[128]; /* empty: it has errors */
    unsigned flow_version;
};
struct flow_files {
    struct flow_file *items;
    size_t count, cap;
    bool complete; /* a folder was given: what a flow calls must be there */
};

/* Reads and compiles. beside: also the other flows of a single file's folder, for its calls (they
 * follow the given files; *given says how many those are). Fault: a path cannot be read. */
MUST_USE enum err_code flow_files_load(struct flow_files *files, char *const *paths, int count,
                                       bool beside, size_t *given, struct err *err);
void flow_files_free(struct flow_files *files);
/* All flows without errors, as a set; they move into it. */
struct flow_set *flow_files_set(struct flow_files *files);
/* Findings of all flow files to a stream; gives how many errors there are. */
size_t flow_files_report(const struct flow_files *files, size_t count, FILE *out);

#endif
