#include "serving/load_page.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

namespace capstan::serving {
namespace {

constexpr double kWidth = 520;
constexpr double kHeight = 220;
constexpr double kLeft = 58;
constexpr double kBottom = 30;
constexpr double kTop = 10;
constexpr std::size_t kCurvePoints = 400;

struct Point {
    double x = 0;
    double y = 0;
};

struct Plot {
    std::string title;
    std::string x_label;
    std::string y_label;
    std::vector<Point> points;
    bool is_line = true;  // Else dots.
};

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '&':
                out += "&amp;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

// 1, 2 or 5 times a power of ten, so that about five steps make `range`.
double tick_step(double range) {
    const double rough = std::max(range, 1e-9) / 5;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    for (const double factor : {1.0, 2.0, 5.0}) {
        if (rough <= factor * power) {
            return factor * power;
        }
    }
    return 10 * power;
}

class Axes {
public:
    explicit Axes(const Plot& plot) {
        for (const Point& point : plot.points) {
            x_max_ = std::max(x_max_, point.x);
            y_max_ = std::max(y_max_, point.y);
        }
        y_max_ *= 1.05;
    }

    double x(double value) const { return kLeft + value / x_max_ * (kWidth - kLeft - 10); }

    double y(double value) const { return kHeight - kBottom - value / y_max_ * (kHeight - kBottom - kTop); }

    std::string svg(const Plot& plot) const {
        std::string out;
        for (double value = 0; value <= x_max_; value += tick_step(x_max_)) {
            out += fmt::format(
                "<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:g}</text>",
                x(value),
                kHeight - 14,
                value
            );
        }
        for (double value = 0; value <= y_max_; value += tick_step(y_max_)) {
            out += fmt::format(
                "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
                "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:g}</text>",
                kLeft,
                kWidth - 10,
                y(value),
                y(value),
                kLeft - 6,
                y(value) + 4,
                value
            );
        }
        return out +
               fmt::format(
                   "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>"
                   "<text x=\"12\" y=\"{}\" transform=\"rotate(-90 12 {})\" text-anchor=\"middle\">{}</text>",
                   kWidth - 10,
                   kHeight - 1,
                   plot.x_label,
                   kHeight / 2,
                   kHeight / 2,
                   plot.y_label
               );
    }

private:
    double x_max_ = 1e-9;
    double y_max_ = 1e-9;
};

std::string plot_svg(const Plot& plot) {
    if (plot.points.empty()) {
        return fmt::format("<figure><figcaption>{}</figcaption><p>No data.</p></figure>", plot.title);
    }
    const Axes axes(plot);
    std::string marks;
    if (plot.is_line) {
        marks = "<polyline points=\"";
        for (const Point& point : plot.points) {
            marks += fmt::format("{:.1f},{:.1f} ", axes.x(point.x), axes.y(point.y));
        }
        marks += "\"/>";
    } else {
        for (const Point& point : plot.points) {
            marks += fmt::format(
                "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2\"/>", axes.x(point.x), axes.y(point.y)
            );
        }
    }
    return fmt::format(
        "<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {} {}\" role=\"img\" "
        "aria-label=\"{}\">{}{}</svg>"
        "</figure>",
        plot.title,
        kWidth,
        kHeight,
        plot.title,
        axes.svg(plot),
        marks
    );
}

// The share of values that are at most x.
Plot distribution(std::string title, std::vector<double> values) {
    std::ranges::sort(values);
    Plot plot = {.title = std::move(title), .x_label = "ms", .y_label = "% of them", .points = {}};
    const std::size_t step = std::max<std::size_t>(1, values.size() / kCurvePoints);
    for (std::size_t i = 0; i < values.size(); i += step) {
        plot.points.push_back(
            {values[i], 100 * static_cast<double>(i + 1) / static_cast<double>(values.size())}
        );
    }
    if (!values.empty()) {
        plot.points.push_back({values.back(), 100});
    }
    return plot;
}

// Pieces of text a second, over the test's time in steps of one hundredth.
Plot throughput(std::span<const CallRecord> records, double seconds) {
    constexpr std::size_t kSteps = 100;
    Plot plot = {.title = "Output over time", .x_label = "s", .y_label = "pieces/s", .points = {}};
    if (seconds <= 0) {
        return plot;
    }
    std::vector<double> counts(kSteps, 0);
    for (const CallRecord& record : records) {
        for (const std::int64_t at_us : record.pieces_us) {
            const double share = static_cast<double>(at_us) / 1e6 / seconds;
            const auto step = static_cast<std::size_t>(std::clamp(share, 0.0, 0.999999) * kSteps);
            counts[step] += 1;
        }
    }
    const double step_seconds = seconds / kSteps;
    for (std::size_t i = 0; i < kSteps; ++i) {
        plot.points.push_back({(static_cast<double>(i) + 0.5) * step_seconds, counts[i] / step_seconds});
    }
    return plot;
}

std::string plots(const LoadPage& page) {
    std::vector<double> first;
    std::vector<double> gaps;
    Plot arrivals = {
        .title = "Time to first token, by when a request was sent",
        .x_label = "s",
        .y_label = "ms",
        .points = {},
        .is_line = false
    };
    for (const CallRecord& record : page.records) {
        if (!record.is_ok() || record.pieces_us.empty()) {
            continue;
        }
        first.push_back(first_token_ms(record));
        arrivals.points.push_back({static_cast<double>(record.sent_us) / 1e6, first.back()});
        for (std::size_t i = 1; i < record.pieces_us.size(); ++i) {
            gaps.push_back(static_cast<double>(record.pieces_us[i] - record.pieces_us[i - 1]) / 1000);
        }
    }
    return plot_svg(distribution("Time to first token", std::move(first))) +
           plot_svg(distribution("Time between pieces of text", std::move(gaps))) +
           plot_svg(throughput(page.records, page.summary.seconds)) + plot_svg(arrivals);
}

std::string row(std::string_view name, const Quantiles& quantiles) {
    return fmt::format(
        "<tr><th "
        "scope=\"row\">{}</th><td>{:.1f}</td><td>{:.1f}</td><td>{:.1f}</td><td>{:.1f}</td><td>{:.1f}</td>"
        "</tr>",
        name,
        quantiles.mean,
        quantiles.p50,
        quantiles.p90,
        quantiles.p99,
        quantiles.max
    );
}

std::string tables(const LoadSummary& summary) {
    std::string out = fmt::format(
        "<dl><dt>requests</dt><dd>{} ({} failed)</dd><dt>time</dt><dd>{:.1f} s</dd>"
        "<dt>output</dt><dd>{:.1f} tokens/s</dd><dt>prompt and output</dt><dd>{:.1f} tokens/s</dd>"
        "<dt>requests</dt><dd>{:.2f} /s</dd><dt>goodput</dt><dd>{:.2f} /s ({} within the service level)</dd>"
        "<dt>prompt tokens</dt><dd>{} ({} from cache)</dd>",
        summary.calls,
        summary.failed,
        summary.seconds,
        summary.completion_tokens_per_second(),
        summary.tokens_per_second(),
        summary.calls_per_second(),
        summary.good_per_second(),
        summary.good,
        summary.prompt_tokens,
        summary.cached_tokens
    );
    if (summary.memory_bytes_max > 0) {
        out += fmt::format(
            "<dt>memory</dt><dd>{:.0f} MB at most</dd>", static_cast<double>(summary.memory_bytes_max) / 1e6
        );
    }
    return out +
           "</dl><table><thead><tr><th>milliseconds</th><th>mean</th><th>p50</th><th>p90</th><th>p99</th>"
           "<th>max</th></tr></thead><tbody>" +
           row("to the first token", summary.first_token_ms) +
           row("a token behind it", summary.per_token_ms) + row("between pieces of text", summary.gap_ms) +
           row("a whole request", summary.call_ms) + row("sent late by this side", summary.late_ms) +
           "</tbody></table>";
}

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --ink: #1c2024; --paper: #fff; --line: #8884; --mark: #2563eb; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --paper: #14171a; --mark: #7aa7ff; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1120px;
  margin: 2rem auto; padding: 0 1rem; }
dl { display: grid; grid-template-columns: max-content auto; gap: .1rem 1rem; } dt { opacity: .7; } dd { margin: 0; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child { text-align: left; font-weight: 500; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 1rem; }
figure { margin: 0; border: 1px solid var(--line); border-radius: 8px; padding: .75rem; }
figcaption { font-weight: 600; } svg { width: 100%; } svg text { font-size: 11px; fill: currentColor; opacity: .75; }
.grid { stroke: var(--line); } polyline { fill: none; stroke: var(--mark); stroke-width: 1.75; }
circle { fill: var(--mark); opacity: .6; } code { overflow-wrap: anywhere; }
)";

}  // namespace

std::string load_page_html(const LoadPage& page) {
    const std::string title = escaped(page.title);
    return fmt::format(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width\"><title>{}</title><style>{}</style></head><body><h1>{}</"
        "h1><p><code>{}</code>"
        "</p>{}<div class=\"plots\">{}</div></body></html>\n",
        title,
        kStyle,
        title,
        escaped(page.settings),
        tables(page.summary),
        plots(page)
    );
}

}  // namespace capstan::serving
