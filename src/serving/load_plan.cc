#include "serving/load_plan.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <random>

#include <fmt/format.h>

#include "base/file.h"

namespace capstan::serving {
namespace {

constexpr std::int64_t kTokensMax = 1 << 20;
constexpr std::uint64_t kLengthsBytesMax = std::uint64_t{64} << 20;

// Means of the two data sets as Kwon et al. 2023 (PagedAttention, section 6.1) count them in tokens. Lengths
// of conversations are close to log-normal; the spread is our choice, wide as chats are.
struct NamedLengths {
    std::string_view name;
    double prompt_mean;
    double completion_mean;
};

constexpr NamedLengths kNamedLengths[] = {{"sharegpt", 161.31, 337.99}, {"alpaca", 19.31, 58.45}};
constexpr double kLogSpread = 0.8;

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

Result<void> check(const LoadOptions& options) {
    if (options.calls < 1 || options.calls > 1'000'000) {
        return invalid("the number of requests must be 1 to 1,000,000");
    }
    if (!(options.calls_per_second >= 0 && options.calls_per_second <= 1e6)) {
        return invalid("the rate must be 0 (all at once) to 1,000,000 requests a second");
    }
    if (options.fixed.prompt_tokens < 1 || options.fixed.completion_tokens < 1) {
        return invalid("prompt and completion must have at least one token");
    }
    if (options.tokens_max < 2 || options.tokens_max > kTokensMax) {
        return invalid(fmt::format("the most tokens of a request must be 2 to {}", kTokensMax));
    }
    if (options.shared_tokens < 0 || options.shared_tokens > options.tokens_max - 2) {
        return invalid("the shared prefix must leave room for a prompt of one token and one to generate");
    }
    if (options.models.empty()) {
        return invalid("name a model");
    }
    return {};
}

std::optional<std::int64_t> count_of(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '"')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\r' || text.back() == '"')) {
        text.remove_suffix(1);
    }
    std::int64_t count = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (failed != std::errc() || end != text.data() + text.size() || count < 1 || count > kTokensMax) {
        return std::nullopt;
    }
    return count;
}

// Draws lengths: the fixed ones, log-normal ones, or those of a file in random order.
class Lengths {
public:
    static Result<Lengths> open(const LoadOptions& options) {
        Lengths lengths;
        if (options.lengths == "fixed") {
            lengths.real_ = {options.fixed};
            return lengths;
        }
        const auto* named = std::ranges::find(kNamedLengths, options.lengths, &NamedLengths::name);
        if (named != std::end(kNamedLengths)) {
            lengths.named_ = named;
            return lengths;
        }
        const auto text = read_file(options.lengths, kLengthsBytesMax);
        if (!text) {
            return with_context("lengths are 'fixed', 'sharegpt', 'alpaca' or a CSV file", text.error());
        }
        auto real = parse_lengths(*text);
        if (!real) {
            return with_context(options.lengths, real.error());
        }
        lengths.real_ = std::move(*real);
        return lengths;
    }

    CallLengths draw(std::mt19937_64& random) const {
        if (named_ != nullptr) {
            return {
                .prompt_tokens = log_normal(named_->prompt_mean, random),
                .completion_tokens = log_normal(named_->completion_mean, random)
            };
        }
        return real_[std::uniform_int_distribution<std::size_t>(0, real_.size() - 1)(random)];
    }

private:
    // Of this mean: E[e^N(m, s²)] = e^(m + s²/2).
    static std::int64_t log_normal(double mean, std::mt19937_64& random) {
        std::lognormal_distribution<double> draw(std::log(mean) - kLogSpread * kLogSpread / 2, kLogSpread);
        return std::clamp<std::int64_t>(std::llround(draw(random)), 1, kTokensMax);
    }

    const NamedLengths* named_ = nullptr;
    std::vector<CallLengths> real_;
};

std::vector<std::int32_t> random_tokens(std::int64_t count, std::mt19937_64& random) {
    std::uniform_int_distribution<std::int32_t> token(kPlannedTokenMin, kPlannedTokenEnd - 1);
    std::vector<std::int32_t> tokens;
    tokens.reserve(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) {
        tokens.push_back(token(random));
    }
    return tokens;
}

}  // namespace

Result<std::vector<CallLengths>> parse_lengths(std::string_view csv) {
    std::vector<CallLengths> lengths;
    for (std::size_t line_number = 1; !csv.empty(); ++line_number) {
        const std::size_t end = std::min(csv.find('\n'), csv.size());
        const std::string_view line = csv.substr(0, end);
        csv.remove_prefix(std::min(end + 1, csv.size()));
        if (line.empty() || line == "\r" ||
            (line_number == 1 && line.find_first_of("0123456789") == std::string_view::npos)) {
            continue;
        }
        const std::size_t comma = std::min(line.find(','), line.size());
        const auto prompt = count_of(line.substr(0, comma));
        const auto completion = count_of(line.substr(std::min(comma + 1, line.size())));
        if (!prompt || !completion) {
            return invalid(fmt::format("line {} is not 'prompt tokens,completion tokens'", line_number));
        }
        lengths.push_back({.prompt_tokens = *prompt, .completion_tokens = *completion});
    }
    if (lengths.empty()) {
        return invalid("there are no lengths");
    }
    return lengths;
}

Result<std::vector<PlannedCall>> plan_load(const LoadOptions& options) {
    if (auto good = check(options); !good) {
        return good.error();
    }
    const auto lengths = Lengths::open(options);
    if (!lengths) {
        return lengths.error();
    }
    std::mt19937_64 random(options.seed);
    const std::vector<std::int32_t> shared = random_tokens(options.shared_tokens, random);
    std::vector<PlannedCall> calls;
    calls.reserve(static_cast<std::size_t>(options.calls));
    double at_us = 0;
    for (std::int64_t i = 0; i < options.calls; ++i) {
        CallLengths drawn = lengths->draw(random);
        drawn.prompt_tokens = std::min(drawn.prompt_tokens, options.tokens_max - options.shared_tokens - 1);
        const std::int64_t left = options.tokens_max - options.shared_tokens - drawn.prompt_tokens;
        PlannedCall call = {
            .at_us = static_cast<std::int64_t>(at_us),
            .model = options.models[static_cast<std::size_t>(i) % options.models.size()],
            .prompt = shared,
            .completion_tokens = std::min(drawn.completion_tokens, left),
        };
        const auto own = random_tokens(drawn.prompt_tokens, random);
        call.prompt.insert(call.prompt.end(), own.begin(), own.end());
        calls.push_back(std::move(call));
        if (options.calls_per_second > 0) {
            at_us += std::exponential_distribution<double>(options.calls_per_second)(random) * 1e6;
        }
    }
    return calls;
}

}  // namespace capstan::serving
