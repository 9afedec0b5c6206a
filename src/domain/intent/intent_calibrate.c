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
static const double unchanged[TERMS] = { 0, 1 };
static const double STIFFNESS = 0.5;      /* of the pull to the expected terms */
static const double NEGATIVE_SHARE = 0.2; /* of texts out of scope in a customer's chat */
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

struct fit {
    const struct intent_trial *trials;
    size_t count;
    uint32_t classes;
    double negative_weight;
    const double *slope; /* in the second step: the terms found in the first; else NULL */
    unsigned terms;
    double at[TERMS];
};

static void trial_terms(const struct intent_trial *trial, double terms[TERMS])
{
    terms[0] = 1;
    terms[1] = trial->first;
    terms[2] = isfinite(trial->second) ? trial->first - trial->second : 1;
    terms[3] = trial->scope;
    terms[4] = trial->coverage;
}

static double sum_of(const double *weights, const double *terms, unsigned n)
{
    double sum = 0;

    for (unsigned i = 0; i < n; i++)
        sum += weights[i] * terms[i];
    return sum;
}

/* Solves a x = b in place; a is symmetric and positive. */
static void solve(double a[TERMS][TERMS], double b[TERMS], unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        for (unsigned row = i + 1; row < n; row++) {
            double factor = a[row][i] / a[i][i];

            for (unsigned column = i; column < n; column++)
                a[row][column] -= factor * a[i][column];
            b[row] -= factor * b[i];
        }
    }
    for (unsigned i = n; i-- > 0;) {
        for (unsigned column = i + 1; column < n; column++)
            b[i] -= a[i][column] * b[column];
        b[i] /= a[i][i];
    }
}

/* Newton's method on the log likelihood; damped, because separable trials have no optimum. */
static void round_fit(struct fit *fit, const double *prior)
{
    double hessian[TERMS][TERMS] = { { 0 } };
    double gradient[TERMS];

    for (unsigned i = 0; i < fit->terms; i++) {
        gradient[i] = STIFFNESS * (prior[i] - fit->at[i]);
        hessian[i][i] = STIFFNESS;
    }
    for (size_t t = 0; t < fit->count; t++) {
        const struct intent_trial *trial = &fit->trials[t];
        double weight = trial->label == fit->classes ? fit->negative_weight : 1;
        double terms[TERMS];
        double p;

        trial_terms(trial, terms);
        if (fit->slope != NULL)
            terms[1] = sum_of(fit->slope, terms, TERMS);
        p = 1 / (1 + exp(-sum_of(fit->at, terms, fit->terms)));
        for (unsigned i = 0; i < fit->terms; i++) {
            gradient[i] += weight * ((trial->best == trial->label) - p) * terms[i];
            for (unsigned j = 0; j < fit->terms; j++)
                hessian[i][j] += weight * p * (1 - p) * terms[i] * terms[j];
        }
    }
    solve(hessian, gradient, fit->terms);
    for (unsigned i = 0; i < fit->terms; i++)
        fit->at[i] += fmax(-1, fmin(1, gradient[i]));
}

static void rounds_fit(struct fit *fit, const double *prior)
{
    memcpy(fit->at, prior, sizeof(fit->at));
    for (unsigned round = 0; round < ROUNDS && fit->count > 0; round++)
        round_fit(fit, prior);
}

/* In two steps: first which evidence tells right answers from wrong ones and from texts out of
 * scope, both counting alike; then, on one line, which score means what share of right answers when
 * only a few texts are out of scope. */
struct intent_calibration intent_calibration_fit(const struct intent_trial *trials, size_t count,
                                                 uint32_t classes)
{
    struct fit first = { .trials = trials, .count = count, .classes = classes, .terms = TERMS };
    struct fit second = { .trials = trials, .count = count, .classes = classes, .terms = 2 };
    size_t negatives = 0;
    double ratio;

    for (size_t t = 0; t < count; t++)
        negatives += trials[t].label == classes;
    ratio = negatives > 0 ? (double)(count - negatives) / (double)negatives : 0;
    first.negative_weight = ratio;
    second.negative_weight = fmin(1, NEGATIVE_SHARE * ratio);
    rounds_fit(&first, expected);
    second.slope = first.at;
    rounds_fit(&second, unchanged);
    return (struct intent_calibration){
        .offset = (float)(second.at[0] + second.at[1] * first.at[0]),
        .best = (float)(second.at[1] * first.at[1]),
        .margin = (float)(second.at[1] * first.at[2]),
        .scope = (float)(second.at[1] * first.at[3]),
        .coverage = (float)(second.at[1] * first.at[4]),
        .sharpness = SHARPNESS,
        .threshold = THRESHOLD,
    };
}
