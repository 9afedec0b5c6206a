/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as YAML: refused with a reason, or JSON comes out, as the strict reader says. What
 * begins like JSON is handed on as it is. */
#include <stdint.h>

#include "command_yaml.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_trim(slice_make(data, size));
    struct json_reader reader;
    struct err err = { 0 };
    struct buf json;
    bool passed = text.len > 0 && (text.ptr[0] == '{' || text.ptr[0] == '[');

    buf_init(&json, 1 << 20);
    if (command_yaml_to_json(slice_make(data, size), &json, &err) != ERR_OK) {
        ENSURE(err.text[0] != '\0');
    } else if (!passed) {
        json_reader_init(&reader, buf_slice(&json));
        ENSURE(json_skip_value(&reader));
        ENSURE(json_next(&reader) == JSON_END);
    }
    buf_fini(&json);
    return 0;
}
