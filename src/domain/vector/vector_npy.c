/* SPDX-License-Identifier: Apache-2.0 */
/* The header is the text of a Python dictionary. numpy writes its three keys in one way, other
 * writers in other orders and spacings; this reads any such text of strings, True, False and tuples
 * of numbers, and nothing more of Python. */
#include "vector_npy.h"

#include <stdio.h>
#include <string.h>

#include "vector.h"

enum {
    PREFIX = 8,      /* magic and version */
    HEADER_STEP = 64 /* values begin on this boundary */
};

struct header {
    struct slice type;
    bool fortran;
    bool seen_type, seen_order, seen_shape;
    unsigned long long shape[VECTOR_NPY_DIMS_MAX];
    unsigned dims;
};

static void skip_blanks(struct slice *at)
{
    while (at->len > 0 && (*at->ptr == ' ' || *at->ptr == '\n' || *at->ptr == '\t')) {
        at->ptr++;
        at->len--;
    }
}

static bool take(struct slice *at, const char *token)
{
    struct slice wanted = slice_of(token);

    skip_blanks(at);
    if (!slice_starts_with(*at, wanted))
        return false;
    at->ptr += wanted.len;
    at->len -= wanted.len;
    return true;
}

static bool take_text(struct slice *at, struct slice *out)
{
    const char *quote = take(at, "'") ? "'" : take(at, "\"") ? "\"" : NULL;
    const char *end;

    if (quote == NULL)
        return false;
    end = at->len > 0 ? memchr(at->ptr, *quote, at->len) : NULL;
    if (end == NULL)
        return false;
    *out = slice_make(at->ptr, (size_t)(end - at->ptr));
    at->len -= out->len + 1;
    at->ptr = end + 1;
    return true;
}

static bool take_number(struct slice *at, unsigned long long *out)
{
    struct slice digits;

    skip_blanks(at);
    digits = slice_make(at->ptr, 0);
    while (digits.len < at->len && at->ptr[digits.len] >= '0' && at->ptr[digits.len] <= '9')
        digits.len++;
    if (!slice_to_u64(digits, out))
        return false;
    at->ptr += digits.len;
    at->len -= digits.len;
    return true;
}

static bool take_shape(struct slice *at, struct header *header)
{
    if (!take(at, "("))
        return false;
    header->dims = 0;
    while (!take(at, ")")) {
        if (header->dims == VECTOR_NPY_DIMS_MAX || !take_number(at, &header->shape[header->dims]))
            return false;
        header->dims++;
        if (!take(at, ",")) {
            if (!take(at, ")"))
                return false;
            break;
        }
    }
    return header->dims > 0;
}

static bool take_value(struct slice *at, struct slice key, struct header *header)
{
    if (slice_equal_text(key, "descr") && !header->seen_type) {
        header->seen_type = true;
        return take_text(at, &header->type);
    }
    if (slice_equal_text(key, "fortran_order") && !header->seen_order) {
        header->seen_order = true;
        header->fortran = take(at, "True");
        return header->fortran || take(at, "False");
    }
    if (slice_equal_text(key, "shape") && !header->seen_shape) {
        header->seen_shape = true;
        return take_shape(at, header);
    }
    return false;
}

static bool header_parse(struct slice text, struct header *header)
{
    struct slice key;

    if (!take(&text, "{"))
        return false;
    while (!take(&text, "}")) {
        if (!take_text(&text, &key) || !take(&text, ":") || !take_value(&text, key, header))
            return false;
        if (!take(&text, ",")) {
            if (!take(&text, "}"))
                return false;
            break;
        }
    }
    skip_blanks(&text);
    return text.len == 0 && header->seen_type && header->seen_order && header->seen_shape;
}

/* Cuts the header text off the front of *file. */
static enum err_code header_find(struct slice *file, struct slice *header, struct err *err)
{
    const unsigned char *bytes = (const unsigned char *)file->ptr;
    size_t length_bytes;
    size_t len = 0;

    if (file->len < PREFIX || !slice_starts_with(*file, SLICE_LITERAL("\x93NUMPY")))
        return err_set(err, ERR_INVALID, "not an .npy file");
    if (bytes[6] < 1 || bytes[6] > 3)
        return err_set(err, ERR_UNSUPPORTED, ".npy version %u, known are 1 to 3", bytes[6]);
    length_bytes = bytes[6] == 1 ? 2 : 4;
    if (file->len < PREFIX + length_bytes)
        return err_set(err, ERR_INVALID, ".npy header is cut off");
    for (size_t i = length_bytes; i-- > 0;)
        len = len << 8 | bytes[PREFIX + i];
    if (len > VECTOR_NPY_HEADER_MAX)
        return err_set(err, ERR_TOO_BIG, ".npy header of %zu bytes, limit %d", len,
                       VECTOR_NPY_HEADER_MAX);
    if (file->len - PREFIX - length_bytes < len)
        return err_set(err, ERR_INVALID, ".npy header is cut off");
    *header = slice_make(file->ptr + PREFIX + length_bytes, len);
    file->ptr += PREFIX + length_bytes + len;
    file->len -= PREFIX + length_bytes + len;
    return ERR_OK;
}

enum err_code vector_npy_read(struct slice file, struct vector_npy *out, struct err *err)
{
    struct header header = { 0 };
    struct slice text;
    enum err_code rc = header_find(&file, &text, err);

    if (rc != ERR_OK)
        return rc;
    if (!header_parse(text, &header))
        return err_set(err, ERR_INVALID, ".npy header is not what numpy writes for 1 or 2 dims");
    if (header.fortran)
        return err_set(err, ERR_UNSUPPORTED, ".npy array is in Fortran order");
    if (slice_equal_text(header.type, "<f4"))
        out->item = sizeof(float);
    else if (slice_equal_text(header.type, "<f8"))
        out->item = sizeof(double);
    else
        return err_set(err, ERR_UNSUPPORTED, ".npy type '%.*s', known are <f4 and <f8",
                       SLICE_ARGS(slice_make(header.type.ptr, header.type.len % 16)));
    if (header.shape[0] > VECTOR_ROWS_MAX ||
        header.shape[header.dims - 1] > (header.dims == 1 ? VECTOR_ROWS_MAX : VECTOR_DIM_MAX))
        return err_set(err, ERR_TOO_BIG, ".npy of more than %d rows or %d columns", VECTOR_ROWS_MAX,
                       VECTOR_DIM_MAX);
    out->rows = header.dims == 1 ? 1 : (size_t)header.shape[0];
    out->dim = (size_t)header.shape[header.dims - 1];
    if (file.len != out->rows * out->dim * out->item)
        return err_set(err, ERR_INVALID, ".npy holds %zu bytes, its shape needs %zu", file.len,
                       out->rows * out->dim * out->item);
    out->bytes = file;
    return ERR_OK;
}

/* Copies, because nothing promises that the file is aligned. Our machines are little endian. */
void vector_npy_row(const struct vector_npy *npy, size_t row, float *out)
{
    const char *at = npy->bytes.ptr + row * npy->dim * npy->item;

    if (npy->item == sizeof(float)) {
        memcpy(out, at, npy->dim * sizeof(float));
        return;
    }
    for (size_t i = 0; i < npy->dim; i++) {
        double value;

        memcpy(&value, at + i * sizeof(value), sizeof(value));
        out[i] = (float)value;
    }
}

void vector_npy_write_header(struct buf *out, const char *type, size_t rows, size_t dim)
{
    char text[200];
    int len =
        snprintf(text, sizeof(text),
                 "{'descr': '%s', 'fortran_order': False, 'shape': (%zu, %zu), }", type, rows, dim);
    size_t whole = PREFIX + 2 + (size_t)len + 1;
    size_t padded = (whole + HEADER_STEP - 1) / HEADER_STEP * HEADER_STEP;

    buf_add(out, "\x93NUMPY\x01\x00", PREFIX);
    buf_add_char(out, (char)((padded - PREFIX - 2) & 0xFF));
    buf_add_char(out, (char)((padded - PREFIX - 2) >> 8));
    buf_add(out, text, (size_t)len);
    for (; whole < padded; whole++)
        buf_add_char(out, ' ');
    buf_add_char(out, '\n');
}
