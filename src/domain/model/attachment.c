/* SPDX-License-Identifier: Apache-2.0 */
/* Browsers and image libraries know many formats; each one more is more code of other people that
 * runs on an agent's machine. Photos of cameras and screens, and documents, are enough. SVG and
 * HTML are programs, so they stay out. */
#include "attachment.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "utf8.h"

struct kind {
    const char *type;
    const char *magic;
    size_t magic_len;
    const char *endings[3]; /* the first one is given where none fits */
};

static const struct kind kinds[] = {
    { "image/jpeg", "\xFF\xD8\xFF", 3, { ".jpg", ".jpeg" } },
    { "image/png", "\x89PNG\r\n\x1A\n", 8, { ".png" } },
    { "image/gif", "GIF87a", 6, { ".gif" } },
    { "image/gif", "GIF89a", 6, { ".gif" } },
    { "image/webp", "RIFF", 4, { ".webp" } }, /* and see is_webp */
    { "application/pdf", "%PDF-", 5, { ".pdf" } },
};

/* RIFF also frames sound and films: its form type stands behind the length. */
static bool is_webp(struct slice bytes)
{
    return bytes.len >= 12 && memcmp(bytes.ptr + 8, "WEBP", 4) == 0;
}

const char *attachment_type(struct slice bytes)
{
    for (size_t i = 0; i < LENGTH_OF(kinds); i++) {
        const struct kind *kind = &kinds[i];

        if (bytes.len < kind->magic_len || memcmp(bytes.ptr, kind->magic, kind->magic_len) != 0)
            continue;
        if (strcmp(kind->type, "image/webp") == 0 && !is_webp(bytes))
            return NULL;
        return kind->type;
    }
    return NULL;
}

static struct slice base_name(struct slice name)
{
    size_t from = name.len;

    while (from > 0 && name.ptr[from - 1] != '/' && name.ptr[from - 1] != '\\')
        from--;
    return slice_make(name.ptr + from, name.len - from);
}

/* U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069: "gpj.exe" must not read "exe.jpg". */
static bool turns_direction(const char *at, size_t left)
{
    const unsigned char *c = (const unsigned char *)at;

    return left >= 3 && c[0] == 0xE2 &&
           ((c[1] == 0x80 && (c[2] == 0x8E || c[2] == 0x8F || (c[2] >= 0xAA && c[2] <= 0xAE))) ||
            (c[1] == 0x81 && c[2] >= 0xA6 && c[2] <= 0xA9));
}

/* Commas separate the values of a list, quotes end a header's parameter. */
static size_t name_clean(struct slice given, char *out)
{
    size_t len = 0;

    for (size_t i = 0; i < given.len; i++) {
        unsigned char c = (unsigned char)given.ptr[i];

        if (turns_direction(given.ptr + i, given.len - i)) {
            i += 2;
            continue;
        }
        out[len++] = c < ' ' || c == 0x7F || c == ',' || c == '"' || c == '%' ? '_' : (char)c;
    }
    return len;
}

static const struct kind *kind_of(const char *type)
{
    size_t i = 0;

    while (strcmp(kinds[i].type, type) != 0)
        ENSURE(++i < LENGTH_OF(kinds));
    return &kinds[i];
}

static bool ends_with(struct slice name, const char *ending)
{
    size_t len = strlen(ending);

    return name.len > len && slice_equal_ignore_case(slice_make(name.ptr + name.len - len, len),
                                                     slice_make(ending, len));
}

void attachment_name(struct slice given, const char *type, char out[ATTACHMENT_NAME_BYTES_MAX + 1])
{
    const struct kind *kind = kind_of(type);
    char clean[ATTACHMENT_NAME_BYTES_MAX * 4];
    const char *ending = kind->endings[0];
    struct slice name;

    given = utf8_valid(given) ? utf8_cut(base_name(given), sizeof(clean)) : SLICE_EMPTY;
    name = slice_trim(slice_make(clean, name_clean(given, clean)));
    for (size_t i = 0; i < LENGTH_OF(kind->endings) && kind->endings[i] != NULL; i++) {
        if (!ends_with(name, kind->endings[i]))
            continue;
        ending = kind->endings[i];
        name.len -= strlen(ending);
        break;
    }
    if (name.len == 0)
        name = SLICE_LITERAL("file");
    name = utf8_cut(name, ATTACHMENT_NAME_BYTES_MAX - strlen(ending));
    snprintf(out, ATTACHMENT_NAME_BYTES_MAX + 1, "%.*s%s", SLICE_ARGS(name), ending);
}

void attachment_item(unsigned long long id, struct slice name, char out[ATTACHMENT_ITEM_MAX])
{
    snprintf(out, ATTACHMENT_ITEM_MAX, "%llu/%.*s", id, SLICE_ARGS(name));
}
