/* SPDX-License-Identifier: Apache-2.0 */
/* Files as commands need them: read by mapping, written whole or not at all. Blocks; one thread. */
#ifndef KEFU_COMMAND_FILE_H
#define KEFU_COMMAND_FILE_H

#include <stdbool.h>

#include "err.h"
#include "slice.h"

/* Maps a regular file of at most bytes_max for reading; *out is page-aligned, empty for an empty
 * file. Fault: names the path. Unmap with command_file_close. */
MUST_USE enum err_code command_file_open(const char *path, size_t bytes_max, struct slice *out,
                                         struct err *err);
void command_file_close(struct slice *file);

/* Writes a new file beside it, syncs, and renames: readers see the old one or the new one. */
MUST_USE enum err_code command_file_write(const char *path, struct slice bytes, struct err *err);

/* Lines of standard input without their ends; false at its end. The line is good until the next
 * call; free *buffer at the end (both zero before the first call). A line that passes bytes_max is
 * cut there, and *cut is set. */
struct command_lines {
    char *buffer;
    size_t cap;
    bool cut;
};
bool command_line_next(struct command_lines *lines, size_t bytes_max, struct slice *out);
void command_lines_close(struct command_lines *lines);

#endif
