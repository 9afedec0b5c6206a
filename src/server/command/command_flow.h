/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `kefu flow` that have a file of their own. */
#ifndef KEFU_COMMAND_FLOW_H
#define KEFU_COMMAND_FLOW_H

#include "err.h"
#include "flow.h"

/* Reads lines from standard input until its end; gives the exit status. given: a YAML file of
 * names and values (and `mock`), or NULL. */
int command_flow_talk(const struct flow_set *set, const struct flow *flow, const char *given);
/* Graphviz's dot turns it into SVG on standard output; says so when it is not installed. */
int command_flow_svg(struct slice dot, struct err *err);

#endif
