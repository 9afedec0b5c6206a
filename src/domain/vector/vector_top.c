/* SPDX-License-Identifier: Apache-2.0 */
/* Rows in full as two planes of 16 bits: `top` has what says most of a number (sign, exponent and
 * 7 bits, rounded), `rest` what is missing to all 32. A scan that reads tops alone reads half the
 * bytes, and vector_top_error says how far it can be off; kernels read tops (dots_top) and put both
 * planes together again (join). */
#include <string.h>

#include "vector_priv.h"

enum { WORDS = VECTOR_TOP_STEP / 2 };

/* Half of a top's last bit, added before the cut, makes the cut round to the nearest. */
void vector_top_split(const float *full, size_t dim, uint32_t *top, uint32_t *rest)
{
    for (size_t i = 0; i < dim; i += VECTOR_TOP_STEP, top += WORDS, rest += WORDS) {
        uint32_t bits[VECTOR_TOP_STEP];

        memcpy(bits, full + i, sizeof(bits));
        for (unsigned w = 0; w < WORDS; w++) {
            uint32_t first = bits[w] + VECTOR_TOP_HALF;
            uint32_t second = bits[w + WORDS] + VECTOR_TOP_HALF;

            top[w] = first >> 16 | (second & 0xFFFF0000u);
            rest[w] = (first & 0xFFFFu) | second << 16;
        }
    }
}

/* gamma(n) = n u / (1 - n u) of Higham, "Accuracy and Stability of Numerical Algorithms", 2nd
 * edition 2002, section 3.1, with the unit roundoff u = 2^-24: for any order of the sum, fused or
 * not, |computed x.q - x.q| <= gamma(n) |x|.|q|, which is at most gamma(n) for vectors of length
 * 1 (Cauchy-Schwarz). */
float vector_sum_error(size_t dim)
{
    double nu = (double)dim * 0x1p-24;

    return (float)(nu / (1 - nu));
}

/* A top is a number rounded to 8 significant bits, so it is off by at most 2^-8 of the number, and
 * the exact products differ by at most 2^-8 (Cauchy-Schwarz again). Both products are computed:
 * twice gamma. The third gamma is room for what is tiny beside it: lengths that rounding left a
 * little above 1, numbers too small for all their bits, and roundings of the bounds themselves. */
float vector_top_error(size_t dim)
{
    return 0x1p-8f + 3 * vector_sum_error(dim);
}
