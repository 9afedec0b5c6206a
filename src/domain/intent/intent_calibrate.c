/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_calibrate_priv.h"

#include <math.h>
#include <string.h>

enum {
    TERMS = 5, /* offset, best, margin, scope, coverage */
    ROUNDS = 25,
};

/* What models of many data sets come out as; few trials leave it near that. */
static const double expected[TERMS] = { -0.5, 1.5, 2.5, -0.5, 2 };
static const double STIFFNESS = 0.5; /* of the pull to the expected terms */
static const double NEGATIVE_SHARE = 0.2;
static const float SHARPNESS = 3;
static const float THRESHOLD = 0.5f; /* more likely right than wrong */

void intent_trial_init(struct intent_trial *trial, uint32_t label, float coverage)
{
    *trial = (struct intent_trial){
        .first = -INFINITY, .second = -INFINITY, .coverage = coverage, .label = label
    };
}

void intent_trial_add(struct intent_trial *trial, const float *scores, uint32_t from, size_t count,
                      uint32_t classes)
{
    for (size_t i = 0; i < count && from + i <= classes; i++) {
        if (from + i == classes) {
            trial->scope = scores[i];
        } else if (scores[i] > trial->first) {
            trial->second = trial->first;
            trial->first = scores[i];
            trial->best = from + (uint32_t)i;
        } else if (scores[i] > trial->second) {
            trial->second = scores[i];
        }
    }
}

static void trial_terms(const struct intent_trial *trial, double terms[TERMS])
{
    terms[0] = 1;
    terms[1] = trial->first;
    terms[2] = isfinite(trial->second) ? trial->first - trial->second : 1;
    terms[3] = trial->scope;
    terms[4] = trial->coverage;
}

/* Solves a x = b in place; a is symmetric and positive. */
static void solve(double a[TERMS][TERMS], double b[TERMS])
{
    for (unsigned i = 0; i < TERMS; i++) {
        for (unsigned row = i + 1; row < TERMS; row++) {
            double factor = a[row][i] / a[i][i];

            for (unsigned column = i; column < TERMS; column++)
                a[row][column] -= factor * a[i][column];
            b[row] -= factor * b[i];
        }
    }
    for (unsigned i = TERMS; i-- > 0;) {
        for (unsigned column = i + 1; column < TERMS; column++)
            b[i] -= a[i][column] * b[column];
        b[i] /= a[i][i];
    }
}

/* Newton's method on the log likelihood; damped, because separable trials have no optimum. */
static void round_fit(const struct intent_trial *trials, size_t count, uint32_t classes,
                      double negative_weight, double fit[TERMS])
{
    double hessian[TERMS][TERMS] = { { 0 } };
    double gradient[TERMS];

    for (unsigned i = 0; i < TERMS; i++) {
        gradient[i] = STIFFNESS * (expected[i] - fit[i]);
        hessian[i][i] = STIFFNESS;
    }
    for (size_t t = 0; t < count; t++) {
        double right = trials[t].best == trials[t].label;
        double weight = trials[t].label == classes ? negative_weight : 1;
        double terms[TERMS];
        double logit = 0;
        double p;

        trial_terms(&trials[t], terms);
        for (unsigned i = 0; i < TERMS; i++)
            logit += fit[i] * terms[i];
        p = 1 / (1 + exp(-logit));
        for (unsigned i = 0; i < TERMS; i++) {
            gradient[i] += weight * (right - p) * terms[i];
            for (unsigned j = 0; j < TERMS; j++)
                hessian[i][j] += weight * p * (1 - p) * terms[i] * terms[j];
        }
    }
    solve(hessian, gradient);
    for (unsigned i = 0; i < TERMS; i++)
        fit[i] += fmax(-1, fmin(1, gradient[i]));
}

struct intent_calibration intent_calibration_fit(const struct intent_trial *trials, size_t count,
                                                 uint32_t classes)
{
    double fit[TERMS];
    size_t negatives = 0;
    double weight;

    memcpy(fit, expected, sizeof(fit));
    for (size_t t = 0; t < count; t++)
        negatives += trials[t].label == classes;
    weight = negatives > 0 ? NEGATIVE_SHARE * (double)(count - negatives) / (double)negatives : 0;
    for (unsigned round = 0; round < ROUNDS && count > 0; round++)
        round_fit(trials, count, classes, fmin(1, weight), fit);
    return (struct intent_calibration){
        .offset = (float)fit[0],
        .best = (float)fit[1],
        .margin = (float)fit[2],
        .scope = (float)fit[3],
        .coverage = (float)fit[4],
        .sharpness = SHARPNESS,
        .threshold = THRESHOLD,
    };
}
