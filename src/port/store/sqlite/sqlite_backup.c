/* SPDX-License-Identifier: Apache-2.0 */
#include "sqlite_priv.h"

enum err_code sqlite_backup(struct store *base, const char *file, bool with_key, struct err *err)
{
    (void)base, (void)file, (void)with_key;
    return err_set(err, ERR_UNSUPPORTED, "backup of a running store is not in this build");
}
