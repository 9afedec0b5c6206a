/* SPDX-License-Identifier: Apache-2.0 */
/* Plots as SVG, written by hand: a library would be many times the size of the page. Each picture
 * is 640 x 300 and stands alone; its colours tell eight strategies apart on light and on dark
 * ground (Okabe and Ito's palette, without its yellow). */
#include "route_sim_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum { WIDTH = 640, HEIGHT = 300, LEFT = 56, RIGHT = 16, TOP = 40, BOTTOM = 40, TICKS = 5 };

static const char *const colours[ROUTE_SIM_STRATEGIES_MAX] = {
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7f7f7f", "#8c564b",
};

struct plot {
    struct buf *out;
    double x_max, y_min, y_max;
};

static double x_of(const struct plot *plot, double x)
{
    return LEFT + x / plot->x_max * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct plot *plot, double y)
{
    return HEIGHT - BOTTOM -
           (y - plot->y_min) / (plot->y_max - plot->y_min) * (HEIGHT - TOP - BOTTOM);
}

/* 1, 2 or 5 times a power of ten, so that at most TICKS of them make up the range. */
static double tick_size(double range)
{
    double power = pow(10, floor(log10(range / TICKS)));
    double unit = range / TICKS / power;

    return power * (unit <= 1 ? 1 : unit <= 2 ? 2 : unit <= 5 ? 5 : 10);
}

static void open_svg(const struct plot *plot, const char *title)
{
    buf_printf(plot->out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" "
               "font-family=\"system-ui,sans-serif\" font-size=\"12\" fill=\"#777\">"
               "<title>%s</title><text x=\"%d\" y=\"18\" font-size=\"14\" font-weight=\"600\">"
               "%s</text>\n",
               WIDTH, HEIGHT, title, LEFT, title);
}

static void close_svg(const struct plot *plot)
{
    buf_add_text(plot->out, "</svg>\n");
}

static void y_axis(const struct plot *plot, const char *unit)
{
    double size = tick_size(plot->y_max - plot->y_min);

    for (double y = ceil(plot->y_min / size) * size; y <= plot->y_max + size / 1000; y += size)
        buf_printf(plot->out,
                   "<path d=\"M%d %.1fH%d\" stroke=\"#bbb\" stroke-width=\".5\"/>"
                   "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g%s</text>\n",
                   LEFT, y_of(plot, y), WIDTH - RIGHT, LEFT - 6, y_of(plot, y) + 4,
                   fabs(y) < size / 1000 ? 0 : y, unit);
}

static void x_axis(const struct plot *plot, const char *unit)
{
    double size = tick_size(plot->x_max);

    for (double x = 0; x <= plot->x_max + size / 1000; x += size)
        buf_printf(plot->out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g%s</text>\n",
                   x_of(plot, x), HEIGHT - BOTTOM + 16, x, unit);
}

static void legend(const struct plot *plot, const struct route_sim_study *study)
{
    for (uint32_t i = 0; i < study->strategy_count; i++)
        buf_printf(plot->out,
                   "<rect x=\"%u\" y=\"%d\" width=\"10\" height=\"10\" fill=\"%s\"/>"
                   "<text x=\"%u\" y=\"%d\">%s</text>\n",
                   LEFT + i * 84, HEIGHT - 14, colours[i], LEFT + 14 + i * 84, HEIGHT - 5,
                   study->results[i].strategy.name);
}

/* ---- waits: how many are answered within x seconds ---- */

/* The ten percent below the least share of those who do not wait. */
static double at_once(const struct route_sim_study *study)
{
    double least = 100;

    for (uint32_t i = 0; i < study->strategy_count; i++) {
        uint64_t all = 0;
        double share;

        for (uint32_t k = 0; k <= ROUTE_SIM_WAIT_BUCKETS; k++)
            all += study->results[i].waits[k];
        share = all > 0 ? 100 * (double)study->results[i].waits[0] / (double)all : 0;
        least = share < least ? share : least;
    }
    return least >= 100 ? 90 : floor(least / 10) * 10;
}

static void waits(const struct route_sim_study *study, struct plot *plot)
{
    uint32_t shown = 10;

    for (uint32_t i = 0; i < study->strategy_count; i++) {
        uint64_t left = 0;
        uint32_t at = 0;

        for (uint32_t k = 0; k <= ROUTE_SIM_WAIT_BUCKETS; k++)
            left += study->results[i].waits[k];
        left = left * 995 / 1000;
        while (at < ROUTE_SIM_WAIT_BUCKETS && left >= study->results[i].waits[at])
            left -= study->results[i].waits[at++];
        shown = at > shown ? at : shown;
    }
    *plot = (struct plot){ plot->out, shown / 10.0, at_once(study), 100 };
    open_svg(plot, "Answered within … seconds, in percent of the answered");
    y_axis(plot, "%");
    x_axis(plot, " s");
    for (uint32_t i = 0; i < study->strategy_count; i++) {
        uint64_t all = 0;
        uint64_t sum = 0;

        for (uint32_t k = 0; k <= ROUTE_SIM_WAIT_BUCKETS; k++)
            all += study->results[i].waits[k];
        buf_printf(plot->out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"",
                   colours[i]);
        for (uint32_t k = 0; k < shown && all > 0; k++) {
            sum += study->results[i].waits[k];
            if (k % (shown / 100 + 1) == 0)
                buf_printf(plot->out, "%.1f,%.1f ", x_of(plot, k / 10.0),
                           y_of(plot, 100 * (double)sum / (double)all));
        }
        buf_add_text(plot->out, "\"/>\n");
    }
    legend(plot, study);
    close_svg(plot);
}

/* ---- one bar for each strategy, with its interval ---- */

static void bars(const struct route_sim_study *study, enum route_sim_measure measure,
                 const char *title, const char *unit, bool from_zero, struct plot *plot)
{
    double low = 1e300;
    double high = 0;
    double width;

    for (uint32_t i = 0; i < study->strategy_count; i++) {
        struct route_sim_interval v = route_sim_measure(study, i, measure);

        low = v.low < low ? v.low : low;
        high = v.high > high ? v.high : high;
    }
    high = high > 0 ? high : 1;
    low = from_zero ? 0 : low - (high - low) * 0.5 - 0.001 * high;
    *plot = (struct plot){ plot->out, study->strategy_count, low, high + (high - low) * 0.08 };
    open_svg(plot, title);
    y_axis(plot, unit);
    width = x_of(plot, 0.5) - x_of(plot, 0);
    for (uint32_t i = 0; i < study->strategy_count; i++) {
        struct route_sim_interval v = route_sim_measure(study, i, measure);
        double middle = x_of(plot, i + 0.5);

        buf_printf(plot->out,
                   "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\" "
                   "fill-opacity=\".8\"/><path d=\"M%.1f %.1fV%.1fm-6 0h12m-12 %.1fh12\" "
                   "stroke=\"#333\" stroke-width=\"1.5\" fill=\"none\"/>"
                   "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s %.4g%s</text>\n",
                   middle - width / 2, y_of(plot, v.mean), width,
                   y_of(plot, plot->y_min) - y_of(plot, v.mean), colours[i], middle,
                   y_of(plot, v.low), y_of(plot, v.high), y_of(plot, v.low) - y_of(plot, v.high),
                   middle, HEIGHT - BOTTOM + 18, study->results[i].strategy.name, v.mean, unit);
    }
    close_svg(plot);
}

/* ---- agents: occupancy of each, sorted ---- */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void agents(const struct route_sim_study *study, struct plot *plot)
{
    uint32_t count = route_count(study->config, ROUTE_KIND_AGENT);
    uint32_t every = count / 300 + 1;
    double *sorted = mem_zalloc((count + 1) * sizeof(*sorted));

    *plot = (struct plot){ plot->out, count, 0, 100 };
    open_svg(plot, "Occupancy of each agent, least busy first");
    y_axis(plot, "%");
    x_axis(plot, "");
    for (uint32_t i = 0; i < study->strategy_count; i++) {
        memcpy(sorted, study->results[i].agent_occupancy, count * sizeof(*sorted));
        qsort(sorted, count, sizeof(*sorted), compare_doubles);
        buf_printf(plot->out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"",
                   colours[i]);
        for (uint32_t k = 0; k < count; k += every)
            buf_printf(plot->out, "%.1f,%.1f ", x_of(plot, k + 0.5), y_of(plot, 100 * sorted[k]));
        buf_add_text(plot->out, "\"/>\n");
    }
    free(sorted);
    legend(plot, study);
    close_svg(plot);
}

/* ---- the course of the day: arrivals as a ground, waits as lines ---- */

static double wait_in_slot(const struct route_sim_slot *slot)
{
    return slot->answered > 0 ? slot->wait_s / (double)slot->answered : 0;
}

static void day(const struct route_sim_study *study, struct plot *plot)
{
    double most = 1;
    double longest = 1;

    for (uint32_t i = 0; i < study->strategy_count; i++) {
        for (uint32_t k = 0; k < study->slot_count; k++) {
            const struct route_sim_slot *slot = &study->results[i].slots[k];

            most = (double)slot->arrived > most ? (double)slot->arrived : most;
            longest = wait_in_slot(slot) > longest ? wait_in_slot(slot) : longest;
        }
    }
    *plot = (struct plot){ plot->out, study->slot_count, 0, longest * 1.08 };
    open_svg(plot, "Mean wait in seconds by quarter of an hour; grey: how many arrive");
    for (uint32_t k = 0; k < study->slot_count; k++) {
        double height = (HEIGHT - TOP - BOTTOM) * (double)study->results[0].slots[k].arrived / most;

        buf_printf(plot->out,
                   "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#888\" "
                   "fill-opacity=\".18\"/>\n",
                   x_of(plot, k), HEIGHT - BOTTOM - height, x_of(plot, k + 1) - x_of(plot, k),
                   height);
    }
    y_axis(plot, " s");
    for (uint32_t k = 0; k <= study->slot_count; k += study->slot_count / 8 + 1)
        buf_printf(plot->out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">+%g h</text>\n",
                   x_of(plot, k), HEIGHT - BOTTOM + 16, k * (double)study->slot_ms / 3600000);
    for (uint32_t i = 0; i < study->strategy_count; i++) {
        buf_printf(plot->out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"",
                   colours[i]);
        for (uint32_t k = 0; k < study->slot_count; k++)
            buf_printf(plot->out, "%.1f,%.1f ", x_of(plot, k + 0.5),
                       y_of(plot, wait_in_slot(&study->results[i].slots[k])));
        buf_add_text(plot->out, "\"/>\n");
    }
    legend(plot, study);
    close_svg(plot);
}

const char *route_sim_plot_name(enum route_sim_plot plot)
{
    static const char *const names[ROUTE_SIM_PLOT_COUNT] = {
        [ROUTE_SIM_PLOT_WAITS] = "waits",         [ROUTE_SIM_PLOT_IN_TIME] = "in-time",
        [ROUTE_SIM_PLOT_ABANDONED] = "abandoned", [ROUTE_SIM_PLOT_AGENTS] = "agents",
        [ROUTE_SIM_PLOT_FAIRNESS] = "fairness",   [ROUTE_SIM_PLOT_DAY] = "day",
    };

    ENSURE((unsigned)plot < ROUTE_SIM_PLOT_COUNT);
    return names[plot];
}

void route_sim_write_svg(const struct route_sim_study *study, enum route_sim_plot which,
                         struct buf *out)
{
    struct plot plot = { .out = out };

    switch (which) {
    case ROUTE_SIM_PLOT_WAITS:
        waits(study, &plot);
        break;
    case ROUTE_SIM_PLOT_IN_TIME:
        bars(study, ROUTE_SIM_IN_TIME, "Answered in the promised time, of all arrivals", "%", false,
             &plot);
        break;
    case ROUTE_SIM_PLOT_ABANDONED:
        bars(study, ROUTE_SIM_ABANDONED, "Gone before anybody answered, of all arrivals", "%", true,
             &plot);
        break;
    case ROUTE_SIM_PLOT_AGENTS:
        agents(study, &plot);
        break;
    case ROUTE_SIM_PLOT_FAIRNESS:
        bars(study, ROUTE_SIM_FAIRNESS, "Jain's index of fairness among equals (1: all alike)", "",
             false, &plot);
        break;
    case ROUTE_SIM_PLOT_DAY:
        day(study, &plot);
        break;
    case ROUTE_SIM_PLOT_COUNT:
        break;
    }
}
