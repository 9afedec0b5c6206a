/* SPDX-License-Identifier: Apache-2.0 */
/* The page: a table of the figures and the plots, nothing from elsewhere. */
#include "route_sim_priv.h"

static const struct {
    const char *title, *unit;
    int decimals;
} columns[ROUTE_SIM_MEASURE_COUNT] = {
    [ROUTE_SIM_ABANDONED] = { "abandoned", " %", 2 }, [ROUTE_SIM_IN_TIME] = { "in time", " %", 2 },
    [ROUTE_SIM_WAIT_P50] = { "wait p50", " s", 1 },   [ROUTE_SIM_WAIT_P90] = { "p90", " s", 1 },
    [ROUTE_SIM_WAIT_P99] = { "p99", " s", 1 },        [ROUTE_SIM_WAIT_MEAN] = { "mean", " s", 1 },
    [ROUTE_SIM_OCCUPANCY] = { "occupancy", " %", 1 }, [ROUTE_SIM_FAIRNESS] = { "fairness", "", 3 },
    [ROUTE_SIM_STICKY] = { "same agent", " %", 1 },
};

static void write_row(const struct route_sim_study *study, uint32_t strategy, struct buf *out)
{
    buf_printf(out, "<tr><th>%s</th>", study->results[strategy].strategy.name);
    for (unsigned i = 0; i < ROUTE_SIM_MEASURE_COUNT; i++) {
        struct route_sim_interval v = route_sim_measure(study, strategy, (enum route_sim_measure)i);

        buf_printf(out, "<td>%.*f%s<small>%.*f – %.*f</small></td>", columns[i].decimals, v.mean,
                   columns[i].unit, columns[i].decimals, v.low, columns[i].decimals, v.high);
    }
    if (strategy == 0) {
        buf_add_text(out, "<td></td></tr>\n");
    } else {
        struct route_sim_interval v = route_sim_fewer_abandon(study, strategy, 0);

        buf_printf(out, "<td>%.0f %%<small>%.0f – %.0f</small></td></tr>\n", v.mean, v.low, v.high);
    }
}

static void write_table(const struct route_sim_study *study, struct buf *out)
{
    buf_add_text(out, "<table><tr><th>strategy</th>");
    for (unsigned i = 0; i < ROUTE_SIM_MEASURE_COUNT; i++)
        buf_printf(out, "<th>%s</th>", columns[i].title);
    buf_printf(out, "<th>fewer abandon than with %s</th></tr>\n", study->results[0].strategy.name);
    for (uint32_t i = 0; i < study->strategy_count; i++)
        write_row(study, i, out);
    buf_add_text(out, "</table>\n");
}

void route_sim_write_html(const struct route_sim_study *study, double cpu_seconds, struct buf *out)
{
    buf_add_text(
        out,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Routing simulation"
        "</title><meta name=\"viewport\" content=\"width=device-width\"><style>"
        ":root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:1340px;"
        "margin:2em auto;padding:0 1em}table{border-collapse:collapse;margin:1em 0}td,th{padding:"
        ".3em .8em;text-align:right;border-bottom:1px solid #8884}th:first-child{text-align:left}"
        "small{display:block;white-space:nowrap;opacity:.6}.plots{display:grid;gap:1em;grid-"
        "template-columns:"
        "repeat(auto-fit,minmax(420px,1fr))}</style>\n<h1>Routing simulation</h1>\n");
    buf_printf(out, "<p>%llu conversations: %u strategies over the same %u seeds",
               (unsigned long long)study->conversations, study->strategy_count, study->seed_count);
    if (cpu_seconds > 0)
        buf_printf(out, ", in %.1f s of processor time", cpu_seconds);
    buf_add_text(out, ". Small figures: 95 % intervals over the seeds.</p>\n");
    write_table(study, out);
    buf_add_text(out, "<div class=\"plots\">\n");
    for (unsigned i = 0; i < ROUTE_SIM_PLOT_COUNT; i++)
        route_sim_write_svg(study, (enum route_sim_plot)i, out);
    buf_add_text(out, "</div></html>\n");
}
