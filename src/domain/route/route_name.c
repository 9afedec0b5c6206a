/* SPDX-License-Identifier: Apache-2.0 */
/* Names of what the interface numbers: for logs, traces and tools. They are stable. */
#include "route_priv.h"

const char *route_preset_name(enum route_preset preset)
{
    static const char *const names[ROUTE_PRESET_COUNT] = {
        [ROUTE_FAIR] = "fair",
        [ROUTE_BALANCED] = "balanced",
        [ROUTE_EFFICIENT] = "efficient",
        [ROUTE_ROUND_ROBIN] = "round_robin",
        [ROUTE_LONGEST_IDLE] = "longest_idle",
        [ROUTE_MANUAL] = "manual",
    };

    return (unsigned)preset < ROUTE_PRESET_COUNT ? names[preset] : "unknown";
}

const char *route_answer_name(enum route_answer answer)
{
    static const char *const names[ROUTE_ANSWER_COUNT] = {
        [ROUTE_OK] = "ok",
        [ROUTE_BAD_EVENT] = "bad_event",
        [ROUTE_TIME_BACKWARDS] = "time_backwards",
        [ROUTE_UNKNOWN_CONV] = "unknown_conv",
        [ROUTE_UNKNOWN_AGENT] = "unknown_agent",
        [ROUTE_UNKNOWN_QUEUE] = "unknown_queue",
        [ROUTE_UNKNOWN_SKILL] = "unknown_skill",
        [ROUTE_DUPLICATE_CONV] = "duplicate_conv",
        [ROUTE_WRONG_STATE] = "wrong_state",
        [ROUTE_NOT_ELIGIBLE] = "not_eligible",
        [ROUTE_NO_ROOM] = "no_room",
        [ROUTE_QUEUE_CLOSED] = "queue_closed",
        [ROUTE_FULL] = "full",
        [ROUTE_BUSY_ACTING] = "busy_acting",
    };

    return (unsigned)answer < ROUTE_ANSWER_COUNT ? names[answer] : "unknown";
}

const char *route_action_name(enum route_action_type type)
{
    static const char *const names[ROUTE_ACTION_TYPE_COUNT] = {
        [ROUTE_ACTION_WAIT] = "wait",     [ROUTE_ACTION_ASSIGN] = "assign",
        [ROUTE_ACTION_OFFER] = "offer",   [ROUTE_ACTION_WITHDRAW] = "withdraw",
        [ROUTE_ACTION_WIDEN] = "widen",   [ROUTE_ACTION_OVERFLOW] = "overflow",
        [ROUTE_ACTION_CLOSED] = "closed", [ROUTE_ACTION_REFUSED] = "refused",
        [ROUTE_ACTION_AWAY] = "away",     [ROUTE_ACTION_FLAG] = "flag",
    };

    return (unsigned)type < ROUTE_ACTION_TYPE_COUNT ? names[type] : "unknown";
}

const char *route_step_name(enum route_trace_kind kind)
{
    static const char *const names[ROUTE_STEP_KIND_COUNT] = {
        [ROUTE_STEP_ALL] = "all",
        [ROUTE_STEP_TEAM] = "team",
        [ROUTE_STEP_LANGUAGE] = "language",
        [ROUTE_STEP_CHANNEL] = "channel",
        [ROUTE_STEP_SKILL] = "skill",
        [ROUTE_STEP_PREFER] = "prefer",
        [ROUTE_STEP_ONLINE] = "online",
        [ROUTE_STEP_ROOM] = "room",
        [ROUTE_STEP_NOT_EXCLUDED] = "not_excluded",
        [ROUTE_STEP_HELD] = "held",
        [ROUTE_STEP_BUCKET] = "lowest_load",
    };

    return (unsigned)kind < ROUTE_STEP_KIND_COUNT ? names[kind] : "unknown";
}
