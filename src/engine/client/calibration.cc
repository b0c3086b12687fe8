#include "engine/client/calibration.h"

#include <algorithm>
#include <cmath>
#include <span>

#include <fmt/format.h>

#include "engine/cache/kv_cache.h"
#include "engine/files/model_text.h"
#include "engine/model/model.h"

namespace capstan::engine {
namespace {

// The matrices in a GGUF file that share an input.
std::span<const std::string_view> modules_of(Projection projection) {
    static constexpr std::string_view kAttention[] = {"attn_q", "attn_k", "attn_v", "attn_qkv"};
    static constexpr std::string_view kOutput[] = {"attn_output"};
    static constexpr std::string_view kMlp[] = {"ffn_gate", "ffn_up"};
    static constexpr std::string_view kDown[] = {"ffn_down"};
    switch (projection) {
        case Projection::kQuery:
        case Projection::kKey:
        case Projection::kValue:
            return kAttention;
        case Projection::kOutput:
            return kOutput;
        case Projection::kGate:
        case Projection::kUp:
            return kMlp;
        case Projection::kDown:
            break;
    }
    return kDown;
}

class ColumnSums : public InputObserver {
public:
    void see(
        std::int64_t layer, Projection projection, const float* x, std::int64_t rows, std::int64_t columns
    ) override {
        Sums& sums = sums_[{layer, projection}];
        sums.magnitudes.resize(static_cast<std::size_t>(columns));
        sums.squares.resize(static_cast<std::size_t>(columns));
        for (std::int64_t row = 0; row < rows; ++row) {
            for (std::size_t i = 0; i < sums.squares.size(); ++i) {
                const double value = x[row * columns + static_cast<std::int64_t>(i)];
                sums.magnitudes[i] += std::fabs(value);
                sums.squares[i] += value * value;
            }
        }
        sums.rows += rows;
    }

    std::map<std::string, InputColumns> take() const {
        std::map<std::string, InputColumns> columns;
        for (const auto& [key, sums] : sums_) {
            InputColumns means;
            for (std::size_t i = 0; i < sums.squares.size(); ++i) {
                const auto rows = static_cast<double>(sums.rows);
                means.mean_magnitude.push_back(static_cast<float>(sums.magnitudes[i] / rows));
                means.mean_square.push_back(static_cast<float>(sums.squares[i] / rows));
            }
            for (const std::string_view module : modules_of(key.second)) {
                columns.emplace(fmt::format("blk.{}.{}.weight", key.first, module), means);
            }
        }
        return columns;
    }

private:
    struct Sums {
        std::vector<double> magnitudes;
        std::vector<double> squares;
        std::int64_t rows = 0;
    };

    std::map<std::pair<std::int64_t, Projection>, Sums> sums_;
};

void run_window(Model& model, const KvSequence& kv, std::span<const llm::TokenId> tokens) {
    std::vector<BatchRow> rows;
    for (const llm::TokenId token : tokens) {
        rows.push_back({.token = token, .position = std::ssize(rows), .kv = &kv});
    }
    rows.back().wants_logits = true;
    model.forward(rows);
}

}  // namespace

Result<std::map<std::string, InputColumns>> calibrate(const CalibrationOptions& options) {
    const auto tokenizer = load_tokenizer(options.model);
    if (!tokenizer) {
        return tokenizer.error();
    }
    std::vector<llm::TokenId> tokens = tokenizer->encode(options.text, {.add_special_tokens = false});
    tokens.resize(std::min(tokens.size(), static_cast<std::size_t>(options.tokens_max)));
    if (tokens.empty()) {
        return Error{ErrorCode::kInvalid, "the calibration text is empty"};
    }
    auto model = Model::open(options.model, options.threads);
    if (!model) {
        return model.error();
    }
    const KvShape shape = (*model)->kv_shape();
    const std::int64_t window = std::min(options.window_tokens, (*model)->config().positions_max);
    auto cache = BlockKvCache::build(shape, kv_blocks_of(window) * shape.block_bytes());
    if (!cache) {
        return cache.error();
    }
    const KvSequence kv = (*cache)->reserve(window).value();
    ColumnSums sums;
    (*model)->observe(&sums);
    const std::span<const llm::TokenId> all = tokens;
    for (std::size_t first = 0; first < all.size(); first += static_cast<std::size_t>(window)) {
        run_window(
            **model, kv, all.subspan(first, std::min(all.size() - first, static_cast<std::size_t>(window)))
        );
    }
    return sums.take();
}

}  // namespace capstan::engine
