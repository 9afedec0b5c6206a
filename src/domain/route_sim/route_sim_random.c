/* SPDX-License-Identifier: Apache-2.0 */
#include "route_sim_priv.h"

#include <math.h>

void sim_random_init(struct sim_random *random, uint64_t seed)
{
    *random = (struct sim_random){ 0 };
    for (unsigned i = 0; i < 4; i++) {
        uint64_t x = seed += UINT64_C(0x9E3779B97F4A7C15);

        x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
        x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
        random->s[i] = x ^ x >> 31;
    }
}

static uint64_t rotate(uint64_t x, unsigned k)
{
    return x << k | x >> (64 - k);
}

uint64_t sim_random_u64(struct sim_random *random)
{
    uint64_t *s = random->s;
    uint64_t result = rotate(s[0] + s[3], 23) + s[0];
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

double sim_random_unit(struct sim_random *random)
{
    return (double)((sim_random_u64(random) >> 11) + 1) * 0x1p-53;
}

uint32_t sim_random_below(struct sim_random *random, uint32_t n)
{
    return (uint32_t)((sim_random_u64(random) >> 32) * n >> 32);
}

double sim_random_exponential(struct sim_random *random)
{
    return -log(sim_random_unit(random));
}

/* Box and Muller: two at a time. */
double sim_random_normal(struct sim_random *random)
{
    double radius;
    double angle;

    if (random->has_spare) {
        random->has_spare = false;
        return random->spare;
    }
    radius = sqrt(2 * sim_random_exponential(random));
    angle = 6.283185307179586 * sim_random_unit(random);
    random->spare = radius * sin(angle);
    random->has_spare = true;
    return radius * cos(angle);
}

struct sim_dist sim_dist_log_normal(double mean_ms, double cv)
{
    double sigma2 = log1p(cv * cv);

    return (struct sim_dist){ .kind = SIM_LOG_NORMAL,
                              .mean_ms = mean_ms,
                              .mu = log(mean_ms) - sigma2 / 2,
                              .sigma = sqrt(sigma2) };
}

double sim_dist_draw(const struct sim_dist *dist, struct sim_random *random)
{
    switch (dist->kind) {
    case SIM_FIXED:
        return dist->mean_ms;
    case SIM_EXPONENTIAL:
        return dist->mean_ms * sim_random_exponential(random);
    case SIM_LOG_NORMAL:
        return exp(dist->mu + dist->sigma * sim_random_normal(random));
    case SIM_NEVER:
        break;
    }
    return -1;
}
