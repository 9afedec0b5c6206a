/* SPDX-License-Identifier: Apache-2.0 */
/* The report for people: one page that needs nothing else, to be kept or mailed. */
#include <stdlib.h>

#include "intent_eval_priv.h"

enum { PLOT = 300, PLOT_MARGIN = 36 };

static const char style[] =
    "<style>body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em;"
    "color:#222}h2{margin-top:2em}table{border-collapse:collapse;width:100%}td,th{padding:.25em "
    ".6em;text-align:left;border-bottom:1px solid #ddd;vertical-align:top}td.n,th.n{text-align:"
    "right;font-variant-numeric:tabular-nums}.big{font-size:2em;margin-right:1.5em}.big small{"
    "display:block;font-size:.45em;color:#666}svg{max-width:100%}mark{background:#fde68a}"
    "figure{display:inline-block;margin:0 2em 1em 0}figcaption{color:#555}"
    "@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}td,th{border-color:#444}"
    "mark{color:#222}svg text{fill:#bbb}}</style>";

static void put(struct buf *out, const char *text)
{
    buf_add_text(out, text);
}

static void put_escaped(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '<':
            put(out, "&lt;");
            break;
        case '>':
            put(out, "&gt;");
            break;
        case '&':
            put(out, "&amp;");
            break;
        case '"':
            put(out, "&quot;");
            break;
        default:
            buf_add_char(out, text.ptr[i]);
        }
    }
}

static void put_big(struct buf *out, double share, const char *what)
{
    buf_printf(out, "<span class=big>%.1f %%<small>%s</small></span>", 100 * share, what);
}

static double plot_x(double share)
{
    return PLOT_MARGIN + share * PLOT;
}

static double plot_y(double share)
{
    return PLOT_MARGIN / 2.0 + (1 - share) * PLOT;
}

/* Axes from 0 to 1 with grid lines at the quarters. */
static void plot_begin(struct buf *out, const char *x, const char *y)
{
    buf_printf(out,
               "<figure><svg width='%d' height='%d' role='img' aria-label='%s over %s'>"
               "<g font-size='11' fill='#555'>",
               PLOT + 2 * PLOT_MARGIN, PLOT + 2 * PLOT_MARGIN, y, x);
    for (unsigned i = 0; i <= 4; i++) {
        double share = i / 4.0;

        buf_printf(out,
                   "<path d='M%.0f %.0fH%.0f' stroke='#ccc'/><text x='2' y='%.0f'>%.2f</text>"
                   "<text x='%.0f' y='%.0f'>%.2f</text>",
                   plot_x(0), plot_y(share), plot_x(1), plot_y(share) + 4, share,
                   plot_x(share) - 10, plot_y(0) + 16, share);
    }
    put(out, "</g>");
}

static void plot_end(struct buf *out, const char *caption)
{
    buf_printf(out, "</svg><figcaption>%s</figcaption></figure>", caption);
}

enum curve { CURVE_RIGHT, CURVE_WRONG, CURVE_OUTSIDE };

static double curve_at(struct eval_step step, enum curve curve)
{
    switch (curve) {
    case CURVE_RIGHT:
        return step.right;
    case CURVE_WRONG:
        return step.wrong;
    default:
        return step.outside_rejected;
    }
}

static void put_curve(const struct intent_eval *eval, enum curve curve, const char *colour,
                      struct buf *out)
{
    put(out, "<polyline fill='none' stroke-width='2' points='");
    for (unsigned i = 0; i <= INTENT_EVAL_STEPS; i++) {
        double threshold = (double)i / INTENT_EVAL_STEPS;

        buf_printf(out, "%.1f,%.1f ", plot_x(threshold),
                   plot_y(curve_at(eval_step_at(eval, threshold), curve)));
    }
    buf_printf(out, "' stroke='%s'/>", colour);
}

static void put_plots(const struct intent_eval *eval, struct buf *out)
{
    struct eval_bin bins[INTENT_EVAL_BINS];

    plot_begin(out, "threshold", "share");
    put_curve(eval, CURVE_RIGHT, "#15803d", out);
    put_curve(eval, CURVE_WRONG, "#b91c1c", out);
    if (eval->outside_count > 0)
        put_curve(eval, CURVE_OUTSIDE, "#1d4ed8", out);
    plot_end(out, eval->outside_count > 0
                      ? "By threshold: answered rightly (green), wrongly "
                        "(red), out of scope and rejected (blue)"
                      : "By threshold: answered rightly (green), wrongly (red)");
    eval_bins(eval, bins);
    plot_begin(out, "score", "share right");
    buf_printf(out, "<path d='M%.0f %.0fL%.0f %.0f' stroke='#999' stroke-dasharray='4'/>",
               plot_x(0), plot_y(0), plot_x(1), plot_y(1));
    for (unsigned b = 0; b < INTENT_EVAL_BINS; b++) {
        double count = (double)bins[b].count;

        if (bins[b].count > 0)
            buf_printf(out,
                       "<circle cx='%.1f' cy='%.1f' r='5' fill='#1d4ed8'><title>%zu answers"
                       "</title></circle>",
                       plot_x(bins[b].score / count), plot_y((double)bins[b].right / count),
                       bins[b].count);
    }
    plot_end(out, "Calibration: of answers with a score, that share is right");
}

/* The words that led to the wrong answer, then the sentence. */
static void put_sentence(const struct intent_eval *eval, uint32_t at, struct buf *out)
{
    const struct eval_answer *answer = &eval->answers[at];

    put_escaped(out, eval->set->items[at].text);
    buf_printf(out, " <small>(line %u, %.2f)", eval->set->items[at].line, (double)answer->score);
    for (unsigned w = 0; w < EVAL_WORDS && answer->words[w].len > 0; w++) {
        put(out, " <mark>");
        put_escaped(out, answer->words[w]);
        put(out, "</mark>");
    }
    put(out, "</small><br>");
}

static void put_confusions(const struct intent_eval *eval, struct buf *out)
{
    uint32_t *wrong;
    size_t count;
    struct eval_confusion *confusions = eval_confusions(eval, &count, &wrong);

    put(out, "<h2>Confusions</h2><p>The marked words spoke most for the wrong answer.</p><table>"
             "<tr><th>expected<th>got<th class=n>times<th>sentences");
    for (size_t i = 0; i < count && i < INTENT_EVAL_LISTED_MAX; i++) {
        put(out, "<tr><td>");
        put_escaped(out, eval->names[confusions[i].expected]);
        put(out, "<td>");
        put_escaped(out, eval->names[confusions[i].got]);
        buf_printf(out, "<td class=n>%u<td>", confusions[i].count);
        for (uint32_t s = 0; s < confusions[i].count && s < INTENT_EVAL_SENTENCES_MAX; s++)
            put_sentence(eval, wrong[confusions[i].first + s], out);
    }
    put(out, "</table>");
    free(confusions);
    free(wrong);
}

static void put_contradictions(const struct intent_eval *eval, struct buf *out)
{
    size_t count;
    struct intent_pair *pairs = eval_contradictions(eval, &count);

    if (count > 0)
        put(out, "<h2>Nearly the same, labelled differently</h2><table><tr><th>text<th>intent"
                 "<th>text<th>intent");
    for (size_t i = 0; i < count && i < INTENT_EVAL_LISTED_MAX; i++) {
        const struct example *sides[] = { &eval->set->items[pairs[i].a],
                                          &eval->set->items[pairs[i].b] };

        put(out, "<tr>");
        for (unsigned side = 0; side < LENGTH_OF(sides); side++) {
            put(out, "<td>");
            put_escaped(out, sides[side]->text);
            buf_printf(out, " <small>(line %u)</small><td>", sides[side]->line);
            put_escaped(out, eval->names[sides[side]->intent]);
        }
    }
    if (count > 0)
        put(out, "</table>");
    free(pairs);
}

static void put_name(const struct intent_eval *eval, int32_t name, struct buf *out)
{
    put(out, "<td>");
    put_escaped(out, name >= 0 ? eval->names[name] : SLICE_LITERAL("none"));
}

static void put_changed(const struct intent_eval *eval, enum eval_change kind, const char *title,
                        struct buf *out)
{
    size_t listed = 0;

    buf_printf(out, "<h3>%s</h3><table><tr><th>intent<th>text<th>now<th>before", title);
    for (size_t i = 0; i < eval->set->count && listed < INTENT_EVAL_LISTED_MAX; i++) {
        const struct eval_answer *answer = &eval->answers[i];

        if (eval_change_of(eval, i) != kind)
            continue;
        put(out, "<tr>");
        put_name(eval, (int32_t)eval->set->items[i].intent, out);
        put(out, "<td>");
        put_sentence(eval, (uint32_t)i, out);
        put_name(eval, answer->got, out);
        put_name(eval, answer->before, out);
        listed++;
    }
    put(out, "</table>");
}

static void put_changes(const struct intent_eval *eval, struct buf *out)
{
    struct intent_eval_change sum = intent_eval_change(eval);
    struct intent_eval_change *changes = eval_changes(eval);

    buf_printf(out,
               "<h2>Against the other model</h2><p>Of %zu texts that both answered, this one has "
               "%zu right, the other %zu.</p><table><tr><th>intent<th class=n>compared"
               "<th class=n>right now, wrong before<th class=n>wrong now, right before",
               sum.compared, sum.right, sum.right_before);
    for (size_t n = 0; n < eval->name_count; n++) {
        if (changes[n].fixed + changes[n].broken == 0)
            continue;
        put(out, "<tr>");
        put_name(eval, (int32_t)n, out);
        buf_printf(out, "<td class=n>%zu<td class=n>%zu<td class=n>%zu", changes[n].compared,
                   changes[n].fixed, changes[n].broken);
    }
    buf_printf(out, "<tr><th>all<td class=n>%zu<td class=n>%zu<td class=n>%zu</table>",
               sum.compared, sum.fixed, sum.broken);
    if (sum.broken > 0)
        put_changed(eval, EVAL_BROKEN, "Wrong now, right before", out);
    if (sum.fixed > 0)
        put_changed(eval, EVAL_FIXED, "Right now, wrong before", out);
    free(changes);
}

static void put_intents(const struct intent_eval *eval, struct buf *out)
{
    struct eval_intent *intents = eval_intents(eval);

    put(out, "<h2>Intents</h2><table><tr><th>intent<th class=n>examples<th class=n>precision"
             "<th class=n>recall<th class=n>F1<th>");
    for (size_t n = 0; n < eval->name_count; n++) {
        bool thin = intents[n].support > 0 && intents[n].support < INTENT_EVAL_THIN;

        put(out, "<tr><td>");
        put_escaped(out, eval->names[n]);
        buf_printf(out, "<td class=n>%zu<td class=n>%.3f<td class=n>%.3f<td class=n>%.3f<td>%s",
                   intents[n].support, intents[n].precision, intents[n].recall, intents[n].f1,
                   thin ? "few examples" : "");
    }
    put(out, "</table>");
    free(intents);
}

void intent_eval_html(const struct intent_eval *eval, struct buf *out)
{
    struct intent_eval_figures figures = intent_eval_figures(eval);

    put(out, "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport "
             "content='width=device-width'><title>Intent evaluation</title>");
    put(out, style);
    put(out, "<h1>Intent evaluation</h1><p>");
    put_big(out, figures.accuracy, "accuracy");
    put_big(out, figures.macro_f1, "macro F1");
    put_big(out, figures.calibration_error, "calibration error");
    if (eval->outside_count > 0) {
        put_big(out, figures.scope.auroc, "AUROC, out of scope");
        put_big(out, figures.scope.at_recall[1], "right at 70 % out of scope rejected");
    }
    buf_printf(out, "</p><p>%zu of %zu texts answered rightly.</p>", figures.right, figures.count);
    put_plots(eval, out);
    if (eval->compared)
        put_changes(eval, out);
    put_confusions(eval, out);
    put_contradictions(eval, out);
    put_intents(eval, out);
    put(out, "</html>");
}
