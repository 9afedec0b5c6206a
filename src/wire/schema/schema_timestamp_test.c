/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "kefu/v1/api.pb-c.h"
#include "schema.h"

static void milliseconds_survive_the_way_through_a_timestamp(void **state)
{
    const int64_t cases[] = { 0, 1, 999, 1000, 1735689600123, -1, -1000, -1001 };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        Google__Protobuf__Timestamp timestamp;

        schema_timestamp_set(&timestamp, cases[i]);
        assert_in_range(timestamp.nanos, 0, 999999999);
        assert_int_equal(schema_timestamp_ms(&timestamp), cases[i]);
    }
    assert_int_equal(schema_timestamp_ms(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(milliseconds_survive_the_way_through_a_timestamp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
