#pragma once

// Counters, gauges and histograms, and their text for Prometheus (exposition format 0.0.4). Thread-safe.
//
//     auto& asked = metrics.counter("capstan_requests_total", "Requests answered.", {{"route", pattern}});
//     asked.add();

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace capstan::http {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

class Counter {
public:
    void add(double amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }  // amount >= 0

    double value() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<double> value_ = 0;
};

class Gauge {
public:
    void set(double value) { value_.store(value, std::memory_order_relaxed); }

    void add(double amount) { value_.fetch_add(amount, std::memory_order_relaxed); }

    double value() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<double> value_ = 0;
};

class Histogram {
public:
    explicit Histogram(std::vector<double> bounds);

    void observe(double value);

private:
    friend class MetricRegistry;

    std::vector<double> bounds_;                            // Upper ends, rising; +Inf follows.
    std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;  // One for each bound and one for +Inf.
    std::atomic<double> sum_ = 0;
};

// Seconds, from 1 ms to 60 s.
std::vector<double> latency_bounds_s();

class MetricRegistry {
public:
    // A family holds at most so many series; further label sets share one series, all of whose values are
    // "other".
    static constexpr std::size_t kSeriesMax = 2000;

    MetricRegistry();
    ~MetricRegistry();
    MetricRegistry(const MetricRegistry&) = delete;
    MetricRegistry& operator=(const MetricRegistry&) = delete;

    // The series of that name and labels, made when it is new; the reference lives as long as the registry.
    // Names and label names must be valid ([a-zA-Z_:][a-zA-Z0-9_:]*), and a name keeps its type, help and
    // label names: anything else is a broken invariant.
    Counter& counter(std::string_view name, std::string_view help, const MetricLabels& labels = {});
    Gauge& gauge(std::string_view name, std::string_view help, const MetricLabels& labels = {});
    Histogram& histogram(
        std::string_view name,
        std::string_view help,
        const MetricLabels& labels = {},
        std::vector<double> bounds = latency_bounds_s()
    );

    // Called before each exposition, to set gauges that are cheap to ask and costly to keep. It may not
    // block.
    void before_exposition(std::function<void(MetricRegistry&)> refresh);

    std::string exposition();

private:
    enum class Kind { kCounter, kGauge, kHistogram };
    struct Family;
    struct Series;

    static void write_histogram(std::string& out, std::string_view name, const Series& series);
    // The caller holds the mutex.
    Series& series(Kind kind, std::string_view name, std::string_view help, const MetricLabels& labels);

    std::mutex mutex_;  // Guards the two below; the values themselves are atomic.
    std::map<std::string, std::unique_ptr<Family>, std::less<>> families_;
    std::vector<std::function<void(MetricRegistry&)>> refreshers_;
};

}  // namespace capstan::http
