/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a file and as its name: a name is valid, bounded, and ends as its type does. */
#include <stdint.h>
#include <string.h>

#include "attachment.h"
#include "check.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *type = attachment_type(slice_make(data, size));
    char name[ATTACHMENT_NAME_BYTES_MAX + 1];

    attachment_name(slice_make(data, size), type != NULL ? type : "image/png", name);
    ENSURE(name[0] != '\0' && utf8_valid(slice_of(name)) && strrchr(name, '.') != NULL);
    ENSURE(strpbrk(name, "/\\\"\r\n,%") == NULL);
    return 0;
}
