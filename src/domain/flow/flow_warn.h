/* SPDX-License-Identifier: Apache-2.0 */
/* W1 to W8: what compiles, and is probably not what its author wants. Private to the compiler. */
#ifndef KEFU_FLOW_WARN_H
#define KEFU_FLOW_WARN_H

#include "flow_build.h"

void flow_warn(struct flow_build *b);

/* Sample values of every name that a group of guards reads: constants, what lies beside them, all
 * values of an enum. With them guards can be tried out one by one. */
enum { FLOW_SAMPLES_MAX = 24, FLOW_SAMPLE_NAMES_MAX = 12, FLOW_SAMPLE_RUNS_MAX = 20000 };
struct flow_sample {
    uint16_t symbol;
    struct expr_value values[FLOW_SAMPLES_MAX];
    unsigned count;
};
struct flow_samples {
    struct flow_sample names[FLOW_SAMPLE_NAMES_MAX];
    unsigned count;
    bool complete; /* false: some guard does more than compare names with constants */
};

#endif
