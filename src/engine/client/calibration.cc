#include "engine/client/calibration.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "engine/cache/kv_cache.h"
#include "engine/files/checkpoint.h"
#include "engine/files/model_text.h"
#include "engine/kernels/linear.h"
#include "engine/model/model.h"

namespace capstan::engine {
namespace {

// The matrices in a GGUF file that share an input.
std::span<const std::string_view> gguf_modules_of(Projection projection) {
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

// The names, in a model's file or folder, of what shares the input of a projection.
class MatrixNames {
public:
    MatrixNames(const ModelConfig& config, bool is_gguf) : config_(config), is_gguf_(is_gguf) {}

    std::vector<std::string> of(std::int64_t layer, Projection first) const {
        std::vector<std::string> names;
        if (is_gguf_) {
            for (const std::string_view module : gguf_modules_of(first)) {
                names.push_back(fmt::format("blk.{}.{}.weight", layer, module));
            }
            return names;
        }
        for (const Projection projection : kProjections) {
            const std::string module = module_of(projection, config_, layer).module;
            const std::string name = module + ".weight";
            if (group_of(projection).group == group_of(first).group && !module.empty() &&
                std::ranges::find(names, name) == names.end()) {
                names.push_back(name);
            }
        }
        return names;
    }

private:
    const ModelConfig& config_;
    bool is_gguf_;
};

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

    std::map<std::string, InputColumns> take(const MatrixNames& names) const {
        std::map<std::string, InputColumns> columns;
        for (const auto& [key, sums] : sums_) {
            InputColumns means;
            for (std::size_t i = 0; i < sums.squares.size(); ++i) {
                const auto rows = static_cast<double>(sums.rows);
                means.mean_magnitude.push_back(static_cast<float>(sums.magnitudes[i] / rows));
                means.mean_square.push_back(static_cast<float>(sums.squares[i] / rows));
            }
            for (const std::string& name : names.of(key.first, key.second)) {
                columns.emplace(name, means);
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

// Σ x·xᵀ of the inputs of some layers.
class OuterSums : public InputObserver {
public:
    OuterSums(std::int64_t layer_begin, std::int64_t layer_end, ThreadTeam& team)
        : layer_begin_(layer_begin), layer_end_(layer_end), team_(team) {}

    void see(
        std::int64_t layer, Projection projection, const float* x, std::int64_t rows, std::int64_t columns
    ) override {
        if (layer < layer_begin_ || layer >= layer_end_) {
            return;
        }
        std::vector<float> transposed(static_cast<std::size_t>(rows * columns));
        for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t column = 0; column < columns; ++column) {
                transposed[static_cast<std::size_t>(column * rows + row)] = x[row * columns + column];
            }
        }
        const kernels::WeightMatrix matrix = {
            .data = reinterpret_cast<const std::byte*>(transposed.data()),
            .type = DataType::kF32,
            .rows = columns,
            .columns = rows
        };
        const auto packed = kernels::PackedMatrix::pack(matrix, team_);
        kernels::Activations inputs;
        inputs.assign(transposed.data(), columns, rows);
        products_.resize(static_cast<std::size_t>(columns * columns));
        kernels::multiply(packed, inputs, products_.data(), team_);
        std::vector<double>& sums = sums_[{layer, projection}];
        sums.resize(products_.size());
        for (std::size_t i = 0; i < sums.size(); ++i) {
            sums[i] += products_[i];
        }
    }

    Result<void> hand_out(const MatrixNames& names, const std::function<Result<void>(InputSums)>& on_sums) {
        for (auto& [key, sums] : sums_) {
            const auto columns = std::llround(std::sqrt(static_cast<double>(sums.size())));
            auto good = on_sums(
                {.matrices = names.of(key.first, key.second), .columns = columns, .sums = std::move(sums)}
            );
            if (!good) {
                return good;
            }
        }
        return {};
    }

private:
    std::int64_t layer_begin_;
    std::int64_t layer_end_;
    ThreadTeam& team_;
    std::vector<float> products_;
    std::map<std::pair<std::int64_t, Projection>, std::vector<double>> sums_;
};

std::int64_t sums_bytes_of_layer(const ModelConfig& config) {
    const std::int64_t query = config.heads * config.head_dim;
    const std::int64_t mlp = config.intermediate;
    return std::int64_t{sizeof(double)} * (2 * config.hidden * config.hidden + query * query + mlp * mlp);
}

// A model and the calibration's tokens, which can be read again and again.
class CalibrationRun {
public:
    static Result<CalibrationRun> open(const CalibrationOptions& options) {
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
        KvSequence kv = (*cache)->reserve(window).value();
        return CalibrationRun({
            .model = std::move(*model),
            .cache = std::move(*cache),
            .kv = std::move(kv),
            .tokens = std::move(tokens),
            .window = window,
            .is_gguf = find_gguf(options.model).has_value(),
        });
    }

    void show(InputObserver& observer) {
        parts_.model->observe(&observer);
        for (std::int64_t first = 0; first < std::ssize(parts_.tokens); first += parts_.window) {
            const std::int64_t end = std::min(first + parts_.window, std::ssize(parts_.tokens));
            std::vector<BatchRow> rows;
            for (std::int64_t i = first; i < end; ++i) {
                rows.push_back(
                    {.token = parts_.tokens[static_cast<std::size_t>(i)],
                     .position = i - first,
                     .kv = &parts_.kv}
                );
            }
            rows.back().wants_logits = true;
            parts_.model->forward(rows);
        }
        parts_.model->observe(nullptr);
    }

    const ModelConfig& config() const { return parts_.model->config(); }

    MatrixNames names() const { return {config(), parts_.is_gguf}; }

private:
    struct Parts {
        std::unique_ptr<Model> model;
        std::unique_ptr<BlockKvCache> cache;
        KvSequence kv;
        std::vector<llm::TokenId> tokens;
        std::int64_t window = 0;
        bool is_gguf = false;
    };

    explicit CalibrationRun(Parts parts) : parts_(std::move(parts)) {}

    Parts parts_;
};

}  // namespace

Result<std::map<std::string, InputColumns>> calibrate(const CalibrationOptions& options) {
    auto run = CalibrationRun::open(options);
    if (!run) {
        return run.error();
    }
    ColumnSums sums;
    run->show(sums);
    return sums.take(run->names());
}

Result<void> calibrate_sums(
    const CalibrationOptions& options,
    std::int64_t bytes_max,
    const std::function<Result<void>(InputSums)>& on_sums
) {
    auto run = CalibrationRun::open(options);
    if (!run) {
        return run.error();
    }
    ThreadTeam team(options.threads);
    const std::int64_t layers_at_once =
        std::max<std::int64_t>(1, bytes_max / sums_bytes_of_layer(run->config()));
    for (std::int64_t first = 0; first < run->config().layers; first += layers_at_once) {
        OuterSums sums(first, first + layers_at_once, team);
        run->show(sums);
        if (auto good = sums.hand_out(run->names(), on_sums); !good) {
            return good;
        }
    }
    return {};
}

}  // namespace capstan::engine
