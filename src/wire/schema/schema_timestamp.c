/* SPDX-License-Identifier: Apache-2.0 */
/* google.protobuf.Timestamp to and from our milliseconds. */
#include "schema.h"

enum { MS_PER_S = 1000, NS_PER_MS = 1000000 };

void schema_timestamp_set(Google__Protobuf__Timestamp *timestamp, int64_t ms)
{
    int64_t rest = ms % MS_PER_S;

    if (rest < 0)
        rest += MS_PER_S; /* nanos count forward, before 1970 too */
    google__protobuf__timestamp__init(timestamp);
    timestamp->seconds = (ms - rest) / MS_PER_S;
    timestamp->nanos = (int32_t)rest * NS_PER_MS;
}

int64_t schema_timestamp_ms(const Google__Protobuf__Timestamp *timestamp)
{
    if (timestamp == NULL)
        return 0;
    return timestamp->seconds * MS_PER_S + timestamp->nanos / NS_PER_MS;
}
