/* SPDX-License-Identifier: Apache-2.0 */
#include "chaos_readers.h"

#include <stdlib.h>

void readers_compare(struct chaos_run *run)
{
    for (unsigned i = 0; i < run->load.connections; i++) {
        const char *conv = run->load.visitors[i].conv;
        struct thread visitor = { 0 };
        struct thread agent = { 0 };
        uint32_t seq;
        int status;

        if (conv[0] == '\0')
            continue;
        status = thread_read_rest(&agent, &run->agent.login, run->server.process.port, conv);
        if (!chaos_load_read(&run->load, i, &visitor) || status != 200)
            ledger_violation(&run->ledger, "L7 conversation %s cannot be read (status %d)", conv,
                             status);
        else if ((seq = thread_compare(&visitor, &agent, true)) != 0)
            ledger_violation(&run->ledger, "L7 conversation %s: readers differ at seq %u", conv,
                             seq);
        else
            ledger_thread(&run->ledger, strtoull(conv, NULL, 10), &agent);
        thread_fini(&visitor);
        thread_fini(&agent);
    }
}
