#include "engine/client/model_speed.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <random>

#include "base/clock.h"
#include "engine/cache/kv_cache.h"
#include "engine/kernels/huge_buffer.h"
#include "engine/kernels/thread_team.h"
#include "engine/model/model.h"

namespace capstan::engine {
namespace {

constexpr std::int64_t kTokensMax = 1 << 17;

double seconds_since(std::int64_t begin_us) {
    return static_cast<double>(monotonic_now_us() - begin_us) / 1e6;
}

// Sums memory that is in no cache, each thread parts of its own, in large pages and from several places at
// once: the most that we have seen this memory give.
class ReadTest {
public:
    ReadTest(int threads, std::int64_t bytes) : team_(threads), data_(bytes) {
        std::memset(
            data_.data(), 1, static_cast<std::size_t>(bytes)
        );  // Else all of it is one page of zeros.
    }

    double bytes_per_second() {
        const auto* words = reinterpret_cast<const std::uint64_t*>(data_.data());
        const std::int64_t count = data_.size() / static_cast<std::int64_t>(sizeof(std::uint64_t));
        const std::int64_t begin_us = monotonic_now_us();
        team_.run(
            count,
            std::max<std::int64_t>(1, count / kParts),
            [&](int, std::int64_t begin, std::int64_t end) { sum_ += sum_of(words + begin, end - begin); }
        );
        return static_cast<double>(data_.size()) / seconds_since(begin_us);
    }

private:
    static constexpr std::int64_t kParts = 64;
    static constexpr std::int64_t kPlaces = 4;
    static constexpr std::int64_t kLineWords = 8;

    static std::uint64_t sum_of(const std::uint64_t* words, std::int64_t count) {
        std::uint64_t sums[kLineWords] = {};
        const std::int64_t part = count / kPlaces / kLineWords * kLineWords;
        for (std::int64_t i = 0; i < part; i += kLineWords) {
            for (std::int64_t place = 0; place < kPlaces; ++place) {
                for (std::int64_t word = 0; word < kLineWords; ++word) {
                    sums[word] += words[place * part + i + word];
                }
            }
        }
        std::uint64_t sum = 0;
        for (const std::uint64_t one : sums) {
            sum += one;
        }
        return sum;
    }

    ThreadTeam team_;
    HugeBuffer data_;
    std::atomic<std::uint64_t> sum_ = 0;  // So that nothing is left out.
};

class SpeedTest {
public:
    SpeedTest(Model& model, BlockKvCache& cache, const SpeedOptions& options)
        : model_(model), cache_(cache), options_(options) {}

    double prefill() {
        KvSequence kv = cache_.reserve(options_.prompt_tokens).value();
        const std::int64_t begin_us = monotonic_now_us();
        for (std::int64_t first = 0; first < options_.prompt_tokens; first += options_.chunk_tokens) {
            const std::int64_t end = std::min(first + options_.chunk_tokens, options_.prompt_tokens);
            rows_.clear();
            for (std::int64_t position = first; position < end; ++position) {
                rows_.push_back(
                    {.token = token(),
                     .position = position,
                     .kv = &kv,
                     .wants_logits = position + 1 == options_.prompt_tokens}
                );
            }
            model_.forward(rows_);
        }
        const double seconds = seconds_since(begin_us);
        cache_.release(kv);
        return static_cast<double>(options_.prompt_tokens) / seconds;
    }

    double decode(std::int64_t streams) {
        std::vector<KvSequence> sequences;
        for (std::int64_t i = 0; i < streams; ++i) {
            sequences.push_back(cache_.reserve(options_.decode_tokens).value());
        }
        const std::int64_t begin_us = monotonic_now_us();
        for (std::int64_t position = 0; position < options_.decode_tokens; ++position) {
            rows_.clear();
            for (const KvSequence& kv : sequences) {
                rows_.push_back({.token = token(), .position = position, .kv = &kv, .wants_logits = true});
            }
            model_.forward(rows_);
        }
        const double seconds = seconds_since(begin_us);
        for (KvSequence& kv : sequences) {
            cache_.release(kv);
        }
        return static_cast<double>(streams * options_.decode_tokens) / seconds;
    }

private:
    llm::TokenId token() {
        return std::uniform_int_distribution<
            llm::TokenId>(0, static_cast<llm::TokenId>(model_.config().vocabulary - 1))(random_);
    }

    Model& model_;
    BlockKvCache& cache_;
    const SpeedOptions& options_;
    std::vector<BatchRow> rows_;
    std::mt19937 random_{1};
};

Result<void> check(const SpeedOptions& options) {
    const bool are_streams =
        !options.streams.empty() &&
        std::ranges::all_of(options.streams, [](std::int64_t n) { return n >= 1 && n <= 1024; });
    if (!are_streams || options.prompt_tokens < 1 || options.prompt_tokens > kTokensMax ||
        options.decode_tokens < 1 || options.decode_tokens > kTokensMax || options.chunk_tokens < 1 ||
        options.repeats < 1) {
        return Error{
            ErrorCode::kInvalid,
            "prompt, decode and chunk are 1 to 131,072 tokens, streams 1 to 1,024, repeats 1 or more"
        };
    }
    return {};
}

}  // namespace

Result<ModelSpeed> measure_speed(const SpeedOptions& options) {
    if (auto good = check(options); !good) {
        return good.error();
    }
    const std::int64_t begin_us = monotonic_now_us();
    auto model = Model::open(options.model, options.threads);
    if (!model) {
        return model.error();
    }
    ModelSpeed speed = {.load_seconds = seconds_since(begin_us), .weight_bytes = (*model)->matmul_bytes()};
    const std::int64_t streams_max = std::ranges::max(options.streams);
    const std::int64_t blocks =
        std::max(kv_blocks_of(options.prompt_tokens), streams_max * kv_blocks_of(options.decode_tokens));
    auto cache = BlockKvCache::build((*model)->kv_shape(), blocks * (*model)->kv_shape().block_bytes());
    if (!cache) {
        return cache.error();
    }
    for (const std::int64_t streams : options.streams) {
        speed.decode.push_back({.streams = streams, .tokens_per_second = {}});
    }
    ReadTest memory(options.threads, options.read_bytes);
    SpeedTest test(**model, **cache, options);
    test.prefill();  // Touches all memory once.
    // In turn, so that a busy moment of the machine does not fall on one of them alone.
    for (int repeat = 0; repeat < options.repeats; ++repeat) {
        speed.read_bytes_per_second.push_back(memory.bytes_per_second());
        speed.prefill_tokens_per_second.push_back(test.prefill());
        for (DecodeSpeed& decode : speed.decode) {
            decode.tokens_per_second.push_back(test.decode(decode.streams));
        }
    }
    return speed;
}

}  // namespace capstan::engine
