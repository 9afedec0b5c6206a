/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's own file system layer, but what is written to main.db and its WAL is synced in small
 * pieces. A slice of settling or a checkpoint writes tens of megabytes and syncs them at once; a
 * commit of the journal, for which people wait, then stands behind all of it in the device's queue
 * (measured: 13-69 ms every second, against 0.1 ms). In pieces it waits for one of them. Syncing
 * more often than SQLite asks is always safe. */
#include "sqlite_db.h"

enum {
    PIECE_BYTES = 512 * 1024, /* about half a millisecond of a disk; 60 more syncs in a slice */
};

struct paced {
    sqlite3_file file;
    sqlite3_file *below; /* behind this, in the same block */
    int unsynced;        /* bytes */
    bool pieces;
};

static struct paced *paced_of(sqlite3_file *file)
{
    return (struct paced *)file;
}

static sqlite3_file *below(sqlite3_file *file)
{
    return paced_of(file)->below;
}

/* ---- a file ---- */

static int paced_close(sqlite3_file *file)
{
    return below(file)->pMethods->xClose(below(file));
}

static int paced_read(sqlite3_file *file, void *bytes, int n, sqlite3_int64 offset)
{
    return below(file)->pMethods->xRead(below(file), bytes, n, offset);
}

static int paced_sync(sqlite3_file *file, int flags)
{
    paced_of(file)->unsynced = 0;
    return below(file)->pMethods->xSync(below(file), flags);
}

static int paced_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 offset)
{
    struct paced *paced = paced_of(file);
    int rc = below(file)->pMethods->xWrite(below(file), bytes, n, offset);

    if (rc != SQLITE_OK || !paced->pieces)
        return rc;
    paced->unsynced += n;
    return paced->unsynced < PIECE_BYTES
               ? SQLITE_OK
               : paced_sync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

static int paced_truncate(sqlite3_file *file, sqlite3_int64 bytes)
{
    return below(file)->pMethods->xTruncate(below(file), bytes);
}

static int paced_size(sqlite3_file *file, sqlite3_int64 *bytes)
{
    return below(file)->pMethods->xFileSize(below(file), bytes);
}

static int paced_lock(sqlite3_file *file, int level)
{
    return below(file)->pMethods->xLock(below(file), level);
}

static int paced_unlock(sqlite3_file *file, int level)
{
    return below(file)->pMethods->xUnlock(below(file), level);
}

static int paced_reserved(sqlite3_file *file, int *held)
{
    return below(file)->pMethods->xCheckReservedLock(below(file), held);
}

static int paced_control(sqlite3_file *file, int op, void *arg)
{
    return below(file)->pMethods->xFileControl(below(file), op, arg);
}

static int paced_sector(sqlite3_file *file)
{
    return below(file)->pMethods->xSectorSize(below(file));
}

static int paced_device(sqlite3_file *file)
{
    return below(file)->pMethods->xDeviceCharacteristics(below(file));
}

static int paced_shm_map(sqlite3_file *file, int region, int bytes, int extend, void volatile **out)
{
    return below(file)->pMethods->xShmMap(below(file), region, bytes, extend, out);
}

static int paced_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return below(file)->pMethods->xShmLock(below(file), offset, n, flags);
}

static void paced_shm_barrier(sqlite3_file *file)
{
    below(file)->pMethods->xShmBarrier(below(file));
}

static int paced_shm_unmap(sqlite3_file *file, int discard)
{
    return below(file)->pMethods->xShmUnmap(below(file), discard);
}

/* Version 2: without xFetch SQLite reads instead of mapping, as our connections do anyway. */
static const sqlite3_io_methods paced_methods = {
    .iVersion = 2,
    .xClose = paced_close,
    .xRead = paced_read,
    .xWrite = paced_write,
    .xTruncate = paced_truncate,
    .xSync = paced_sync,
    .xFileSize = paced_size,
    .xLock = paced_lock,
    .xUnlock = paced_unlock,
    .xCheckReservedLock = paced_reserved,
    .xFileControl = paced_control,
    .xSectorSize = paced_sector,
    .xDeviceCharacteristics = paced_device,
    .xShmMap = paced_shm_map,
    .xShmLock = paced_shm_lock,
    .xShmBarrier = paced_shm_barrier,
    .xShmUnmap = paced_shm_unmap,
};

/* ---- the layer ---- */

static sqlite3_vfs *vfs_below(sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                    int *flags_out)
{
    struct paced *paced = paced_of(file);
    int rc;

    *paced = (struct paced){ .below = (sqlite3_file *)(paced + 1),
                             .pieces = (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0 };
    rc = vfs_below(vfs)->xOpen(vfs_below(vfs), name, paced->below, flags, flags_out);
    /* SQLite closes what has methods, even after a failure. */
    paced->file.pMethods = paced->below->pMethods != NULL ? &paced_methods : NULL;
    return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    return vfs_below(vfs)->xDelete(vfs_below(vfs), name, sync);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    return vfs_below(vfs)->xAccess(vfs_below(vfs), name, flags, out);
}

static int vfs_path(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
    return vfs_below(vfs)->xFullPathname(vfs_below(vfs), name, n, out);
}

static int vfs_random(sqlite3_vfs *vfs, int n, char *out)
{
    return vfs_below(vfs)->xRandomness(vfs_below(vfs), n, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    return vfs_below(vfs)->xSleep(vfs_below(vfs), us);
}

static int vfs_time(sqlite3_vfs *vfs, double *out)
{
    return vfs_below(vfs)->xCurrentTime(vfs_below(vfs), out);
}

static int vfs_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    return vfs_below(vfs)->xCurrentTimeInt64(vfs_below(vfs), out);
}

static int vfs_error(sqlite3_vfs *vfs, int n, char *out)
{
    return vfs_below(vfs)->xGetLastError(vfs_below(vfs), n, out);
}

const char db_paced_vfs[] = "kefu-paced";

static sqlite3_vfs paced_vfs = {
    .iVersion = 2,
    .zName = db_paced_vfs,
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_path,
    .xRandomness = vfs_random,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_time,
    .xCurrentTimeInt64 = vfs_time_ms,
    .xGetLastError = vfs_error,
};

void db_paced_register(void)
{
    sqlite3_vfs *base = sqlite3_vfs_find(NULL);

    ENSURE(base != NULL && base->iVersion >= 2);
    paced_vfs.pAppData = base;
    paced_vfs.mxPathname = base->mxPathname;
    paced_vfs.szOsFile = (int)sizeof(struct paced) + base->szOsFile;
    ENSURE(sqlite3_vfs_register(&paced_vfs, 0) == SQLITE_OK);
}
