/* SPDX-License-Identifier: Apache-2.0 */
/* The store, as an adapter sees it: fill a struct store_backend and embed struct store as the
 * first member of your own. store.c checks arguments and limits before it calls, so an adapter
 * may rely on what store.h promises of them. The suite in suite/ is what an adapter must pass. */
#ifndef KEFU_STORE_BACKEND_H
#define KEFU_STORE_BACKEND_H

#include "store.h"

struct store {
    const struct store_backend *backend;
    unsigned shards;
};

/* One function per function of store.h, with its contract and threads. */
struct store_backend {
    const char *name;
    enum err_code (*open)(const struct store_options *, struct store **, struct err *);
    void (*close)(struct store **);
    enum err_code (*append)(struct store *, unsigned, const struct store_turn *, size_t,
                            struct err *);
    size_t (*append_room)(struct store *, unsigned);
    void (*shard_resume)(struct store *, unsigned);
    uint64_t (*settled_upto)(struct store *);
    bool (*writable)(struct store *);
    enum err_code (*thread_read)(struct store *, const struct store_thread_query *, struct arena *,
                                 struct store_thread *, enum store_read *, struct err *);
    enum err_code (*conv_load)(struct store *, uint64_t, struct arena *, struct store_conv *,
                               struct err *);
    enum err_code (*client_id_find)(struct store *, uint64_t, const uint8_t *,
                                    const struct store_overlay *, size_t, bool *,
                                    struct store_client_id *, struct err *);
    enum err_code (*conv_by_start)(struct store *, uint64_t, const uint8_t *, uint64_t *,
                                   struct err *);
    enum err_code (*visitor_open_conv)(struct store *, uint64_t, uint64_t, uint64_t *,
                                       struct err *);
    enum err_code (*visitor_load)(struct store *, uint64_t, struct arena *, struct slice *,
                                  struct err *);
    enum err_code (*conv_list)(struct store *, const struct store_conv_filter *, struct arena *,
                               struct store_page *, struct err *);
    enum err_code (*conv_open_list)(struct store *, uint64_t, unsigned, struct arena *,
                                    struct store_page *, struct err *);
    enum err_code (*conv_due_list)(struct store *, int64_t, int64_t, uint64_t, unsigned,
                                   struct arena *, struct store_page *, struct err *);
    enum err_code (*visitor_list)(struct store *, uint64_t, uint64_t, unsigned, struct arena *,
                                  struct store_page *, struct err *);
    enum err_code (*trace_load)(struct store *, uint64_t, uint32_t, struct arena *, struct slice *,
                                struct err *);
    enum err_code (*search)(struct store *, const struct store_search_query *, struct arena *,
                            struct store_hits *, struct err *);
    enum err_code (*admin_run)(struct store *, const struct store_change *, size_t, size_t *,
                               struct err *);
    enum err_code (*record_get)(struct store *, enum store_kind, uint64_t, struct arena *,
                                struct store_record *, bool *, struct err *);
    enum err_code (*record_by_lookup)(struct store *, enum store_kind, uint64_t, struct slice,
                                      struct arena *, struct store_record *, bool *, struct err *);
    enum err_code (*record_list)(struct store *, const struct store_record_query *, struct arena *,
                                 struct store_records *, struct err *);
    enum err_code (*record_expire)(struct store *, enum store_kind, int64_t, size_t *,
                                   struct err *);
    enum err_code (*record_trim)(struct store *, enum store_kind, uint64_t, size_t *, struct err *);
    enum err_code (*visitor_erase)(struct store *, uint64_t, struct err *);
    enum err_code (*outbox_subscribe)(struct store *, const char *, struct err *);
    enum err_code (*outbox_read)(struct store *, const char *, unsigned, struct arena *,
                                 struct store_outbox_row **, size_t *, struct err *);
    enum err_code (*outbox_advance)(struct store *, const char *, uint64_t, struct err *);
    void (*stats)(struct store *, struct store_stats *);
    enum err_code (*settle_wait)(struct store *, int, bool, struct err *);
    enum err_code (*settle_run)(struct store *, struct err *);
    enum err_code (*backup)(struct store *, const char *, bool, struct err *);
};

#endif
