#include "platform/http/metrics.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/check.h"

namespace capstan::http {
namespace {

bool is_name(std::string_view text) {
    const auto is_letter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
    };
    return !text.empty() && is_letter(text[0]) &&
           std::ranges::all_of(text, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

// Backslashes and line breaks, and quotes where the text stands in quotes, as the format asks.
std::string escaped(std::string_view text, bool is_quoted) {
    std::string out;
    for (const char c : text) {
        if (c == '\\') {
            out += "\\\\";
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '"' && is_quoted) {
            out += "\\\"";
        } else {
            out += c;
        }
    }
    return out;
}

std::string number(double value) {
    if (std::isinf(value)) {
        return value > 0 ? "+Inf" : "-Inf";
    }
    return std::isnan(value) ? "NaN" : fmt::format("{}", value);
}

// {a="1",le="0.5"}, or nothing; `le` is the histogram's own label.
std::string label_text(const MetricLabels& labels, std::string_view le = {}) {
    std::string text;
    for (const auto& [name, value] : labels) {
        text += fmt::format("{}{}=\"{}\"", text.empty() ? "" : ",", name, escaped(value, true));
    }
    if (!le.empty()) {
        text += fmt::format("{}le=\"{}\"", text.empty() ? "" : ",", le);
    }
    return text.empty() ? "" : "{" + text + "}";
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)),
      counts_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds_.size() + 1)) {
    CHECK(std::ranges::is_sorted(bounds_) && !bounds_.empty(), "a histogram's bounds rise");
}

void Histogram::observe(double value) {
    const auto bucket = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
    counts_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
}

std::vector<double> latency_bounds_s() {
    return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
}

struct MetricRegistry::Series {
    MetricLabels labels;
    Counter counter;  // Of the three, the one that the family's kind says is in use.
    Gauge gauge;
    std::unique_ptr<Histogram> histogram;
};

struct MetricRegistry::Family {
    Kind kind;
    std::string help;
    std::map<std::vector<std::string>, std::unique_ptr<Series>> series;  // By the labels' values.
    std::vector<std::string> label_names;
};

MetricRegistry::MetricRegistry() = default;

MetricRegistry::~MetricRegistry() = default;

Counter& MetricRegistry::counter(std::string_view name, std::string_view help, const MetricLabels& labels) {
    const std::scoped_lock lock(mutex_);
    return series(Kind::kCounter, name, help, labels).counter;
}

Gauge& MetricRegistry::gauge(std::string_view name, std::string_view help, const MetricLabels& labels) {
    const std::scoped_lock lock(mutex_);
    return series(Kind::kGauge, name, help, labels).gauge;
}

Histogram& MetricRegistry::histogram(
    std::string_view name, std::string_view help, const MetricLabels& labels, std::vector<double> bounds
) {
    const std::scoped_lock lock(mutex_);
    Series& one = series(Kind::kHistogram, name, help, labels);
    if (!one.histogram) {
        one.histogram = std::make_unique<Histogram>(std::move(bounds));
    }
    return *one.histogram;
}

MetricRegistry::Series& MetricRegistry::series(
    Kind kind, std::string_view name, std::string_view help, const MetricLabels& labels
) {
    std::vector<std::string> names;
    std::vector<std::string> values;
    for (const auto& [label, value] : labels) {
        CHECK(is_name(label) && label != "le", "a label's name is a word, and not le");
        names.push_back(label);
        values.push_back(value);
    }
    auto found = families_.find(name);
    if (found == families_.end()) {
        CHECK(is_name(name), "a metric's name is a word");
        auto family = std::make_unique<Family>(kind, std::string(help));
        family->label_names = names;
        found = families_.emplace(name, std::move(family)).first;
    }
    Family& family = *found->second;
    CHECK(
        family.kind == kind && family.label_names == names, "a metric keeps its type and its labels' names"
    );
    auto one = family.series.find(values);
    if (one == family.series.end()) {
        MetricLabels kept = labels;
        if (family.series.size() >= kSeriesMax - 1 && !labels.empty()) {
            std::ranges::fill(values, "other");
            std::ranges::for_each(kept, [](auto& label) { label.second = "other"; });
        }
        one = family.series.try_emplace(values).first;
        if (!one->second) {
            one->second = std::make_unique<Series>();
            one->second->labels = std::move(kept);
        }
    }
    return *one->second;
}

void MetricRegistry::before_exposition(std::function<void(MetricRegistry&)> refresh) {
    const std::scoped_lock lock(mutex_);
    refreshers_.push_back(std::move(refresh));
}

void MetricRegistry::write_histogram(std::string& out, std::string_view name, const Series& series) {
    const Histogram& histogram = *series.histogram;
    std::uint64_t count = 0;
    for (std::size_t i = 0; i <= histogram.bounds_.size(); ++i) {
        count += histogram.counts_[i].load(std::memory_order_relaxed);
        const std::string le = i < histogram.bounds_.size() ? number(histogram.bounds_[i]) : "+Inf";
        out += fmt::format("{}_bucket{} {}\n", name, label_text(series.labels, le), count);
    }
    const double sum = histogram.sum_.load(std::memory_order_relaxed);
    out += fmt::format("{}_sum{} {}\n", name, label_text(series.labels), number(sum));
    out += fmt::format("{}_count{} {}\n", name, label_text(series.labels), count);
}

std::string MetricRegistry::exposition() {
    std::vector<std::function<void(MetricRegistry&)>> refreshers;
    {
        const std::scoped_lock lock(mutex_);
        refreshers = refreshers_;
    }
    for (const auto& refresh : refreshers) {
        refresh(*this);
    }
    constexpr std::string_view kKinds[] = {"counter", "gauge", "histogram"};
    const std::scoped_lock lock(mutex_);
    std::string out;
    for (const auto& [name, family] : families_) {
        out += fmt::format("# HELP {} {}\n", name, escaped(family->help, false));
        out += fmt::format("# TYPE {} {}\n", name, kKinds[static_cast<std::size_t>(family->kind)]);
        for (const auto& [values, series] : family->series) {
            if (family->kind == Kind::kHistogram) {
                write_histogram(out, name, *series);
                continue;
            }
            const bool is_counter = family->kind == Kind::kCounter;
            const double value = is_counter ? series->counter.value() : series->gauge.value();
            out += fmt::format("{}{} {}\n", name, label_text(series->labels), number(value));
        }
    }
    return out;
}

}  // namespace capstan::http
