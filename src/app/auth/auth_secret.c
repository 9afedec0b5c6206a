/* SPDX-License-Identifier: Apache-2.0 */
#include "auth_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

enum err_code auth_secret_init(struct err *err)
{
    if (sodium_init() < 0)
        return err_set(err, ERR_IO, "libsodium does not start: no random numbers");
    return ERR_OK;
}

static enum err_code key_create(const char *path, struct auth_key *out, struct err *err)
{
    enum err_code rc = ERR_OK;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_set(err, ERR_IO, "secrets file %s: %s", path, strerror(errno));
    randombytes_buf(out->bytes, sizeof(out->bytes));
    if (write(fd, out->bytes, sizeof(out->bytes)) != (ssize_t)sizeof(out->bytes) || fsync(fd) != 0)
        rc = err_set(err, ERR_IO, "secrets file %s: %s", path, strerror(errno));
    close(fd);
    if (rc != ERR_OK)
        unlink(path);
    return rc;
}

enum err_code auth_key_load(const char *path, struct auth_key *out, struct err *err)
{
    enum err_code rc = ERR_OK;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 && errno == ENOENT)
        return key_create(path, out, err);
    if (fd < 0)
        return err_set(err, ERR_IO, "secrets file %s: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0 || (st.st_mode & 077) != 0)
        rc = err_set(err, ERR_INVALID, "secrets file %s: others may read it; chmod 600", path);
    else if (read(fd, out->bytes, sizeof(out->bytes)) != (ssize_t)sizeof(out->bytes))
        rc = err_set(err, ERR_CORRUPT, "secrets file %s: not %zu bytes long", path,
                     sizeof(out->bytes));
    close(fd);
    return rc;
}

void auth_hmac(const struct auth_key *key, struct slice data, uint8_t out[AUTH_HASH_BYTES])
{
    _Static_assert((int)crypto_auth_hmacsha256_BYTES == (int)AUTH_HASH_BYTES, "SHA-256");
    _Static_assert((int)crypto_auth_hmacsha256_KEYBYTES == (int)AUTH_KEY_BYTES, "SHA-256");
    crypto_auth_hmacsha256(out, (const unsigned char *)data.ptr, data.len, key->bytes);
}

void auth_key_random(struct auth_key *out)
{
    randombytes_buf(out->bytes, sizeof(out->bytes));
}

void auth_key_derive(const struct auth_key *master, const char *purpose, uint64_t id,
                     struct auth_key *out)
{
    char label[64];
    int len = snprintf(label, sizeof(label), "kefu %s %llu", purpose, (unsigned long long)id);

    ENSURE(len > 0 && (size_t)len < sizeof(label));
    auth_hmac(master, slice_make(label, (size_t)len), out->bytes);
}

void auth_secret_make(const char *prefix, char out[AUTH_SECRET_TEXT_MAX])
{
    uint8_t bytes[AUTH_SECRET_BYTES];
    size_t len = strlen(prefix);

    ENSURE(len + 44 <= AUTH_SECRET_TEXT_MAX);
    memcpy(out, prefix, len);
    randombytes_buf(bytes, sizeof(bytes));
    sodium_bin2base64(out + len, AUTH_SECRET_TEXT_MAX - len, bytes, sizeof(bytes),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof(bytes));
}

void auth_secret_hash(struct slice secret, uint8_t out[AUTH_HASH_BYTES])
{
    crypto_hash_sha256(out, (const unsigned char *)secret.ptr, secret.len);
}

void auth_hex(const uint8_t *bytes, size_t len, char *out)
{
    sodium_bin2hex(out, len * 2 + 1, bytes, len);
}

void auth_secret_lookup(struct slice secret, char out[AUTH_HASH_BYTES * 2 + 1])
{
    uint8_t hash[AUTH_HASH_BYTES];

    auth_secret_hash(secret, hash);
    auth_hex(hash, sizeof(hash), out);
}

void auth_password_make(char out[24])
{
    /* 32 letters and digits without those that look alike. */
    static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789A";
    size_t at = 0;

    for (int i = 0; i < 20; i++) {
        if (i > 0 && i % 5 == 0)
            out[at++] = '-';
        out[at++] = letters[randombytes_uniform(32)];
    }
    out[at] = '\0';
}

uint64_t auth_random_u64(void)
{
    uint64_t value;

    randombytes_buf(&value, sizeof(value));
    return value;
}

bool auth_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || sodium_memcmp(a.ptr, b.ptr, a.len) == 0);
}
