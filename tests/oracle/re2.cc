// SPDX-License-Identifier: Apache-2.0
// RE2 behind two C functions: the oracle of domain/expr's regular expressions. Built only where
// libre2-dev and a C++ compiler are; its users declare the functions weak and skip without them.
#include <cstddef>
#include <cstdint>

#include <re2/re2.h>

extern "C" {
void *oracle_re2_create(const char *pattern, size_t len, int fold);
void oracle_re2_destroy(void *regex);
int oracle_re2_find(const void *regex, const char *text, size_t len, int32_t *offsets, int spans);
}

void *oracle_re2_create(const char *pattern, size_t len, int fold)
{
    RE2::Options options;
    options.set_log_errors(false);
    options.set_case_sensitive(fold == 0);
    RE2 *regex = new RE2(re2::StringPiece(pattern, len), options);
    if (!regex->ok()) {
        delete regex;
        return nullptr;
    }
    return regex;
}

void oracle_re2_destroy(void *regex)
{
    delete static_cast<RE2 *>(regex);
}

// Start and end of each span, -1 -1 for a group that took no part.
int oracle_re2_find(const void *regex, const char *text, size_t len, int32_t *offsets, int spans)
{
    re2::StringPiece found[10];
    const RE2 *re2 = static_cast<const RE2 *>(regex);
    if (!re2->Match(re2::StringPiece(text, len), 0, len, RE2::UNANCHORED, found, spans))
        return 0;
    for (int i = 0; i < spans; i++) {
        bool part = found[i].data() != nullptr;
        offsets[2 * i] = part ? static_cast<int32_t>(found[i].data() - text) : -1;
        offsets[2 * i + 1] = part ? offsets[2 * i] + static_cast<int32_t>(found[i].size()) : -1;
    }
    return 1;
}
