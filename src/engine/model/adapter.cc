#include "engine/model/adapter.h"

#include <set>
#include <string>

#include <fmt/format.h>

#include "engine/model/adapter_config.h"
#include "engine/model/weights.h"

namespace capstan::engine {
namespace {

constexpr std::string_view kPrefix = "base_model.model.";

// Reads pairs and remembers which tensors they were made of.
class PairReader {
public:
    PairReader(const SafetensorsFile& file, const AdapterSettings& settings)
        : file_(file), settings_(settings) {}

    // An empty pair when the adapter has none for this module. Of a matrix that holds several projections,
    // each has its own rows of B.
    Result<LoraPair> read(const ModulePart& part, const LinearShape& shape) {
        const std::string a_name = fmt::format("{}{}.lora_A.weight", kPrefix, part.module);
        const std::string b_name = fmt::format("{}{}.lora_B.weight", kPrefix, part.module);
        const Tensor* a = file_.find(a_name);
        const Tensor* b = file_.find(b_name);
        if (part.module.empty() || (a == nullptr && b == nullptr)) {
            return LoraPair{};
        }
        taken_.insert({a_name, b_name});
        const std::int64_t rank = a != nullptr && a->shape.size() == 2 ? a->shape[0] : 1;
        if (rank < 1 || rank > kAdapterRankMax) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format("tensor '{}' has rank {}; 1 to {} can be run", a_name, rank, kAdapterRankMax)
            };
        }
        const auto a_matrix = find_matrix(a, a_name, rank, shape.in);
        if (!a_matrix) {
            return a_matrix.error();
        }
        auto b_matrix = find_matrix(b, b_name, part.rows_total, rank);
        if (!b_matrix) {
            return b_matrix.error();
        }
        b_matrix->data += bytes_of(b_matrix->type, part.row_begin * rank);
        b_matrix->rows = shape.out;
        return LoraPair{
            .a = *a_matrix,
            .b = *b_matrix,
            .scale = static_cast<float>(settings_.scale_of(part.module, rank)),
        };
    }

    Result<void> check_all_taken() const {
        for (const auto& [name, tensor] : file_.tensors()) {
            if (!taken_.contains(name)) {
                return Error{
                    ErrorCode::kInvalid,
                    fmt::format("tensor '{}' is no LoRA pair of this model's linear layers", name)
                };
            }
        }
        if (taken_.empty()) {
            return Error{ErrorCode::kInvalid, "the adapter has no tensors"};
        }
        return {};
    }

private:
    const SafetensorsFile& file_;
    const AdapterSettings& settings_;
    std::set<std::string> taken_;
};

}  // namespace

Result<std::shared_ptr<const Adapter>> Adapter::load(
    const std::filesystem::path& directory, const ModelConfig& config
) {
    const auto settings = read_adapter_settings(directory / "adapter_config.json");
    if (!settings) {
        return settings.error();
    }
    auto file = SafetensorsFile::open(directory / "adapter_model.safetensors");
    if (!file) {
        return file.error();
    }
    const std::string context = fmt::format("adapter '{}'", directory.string());
    PairReader reader(*file, *settings);
    std::vector<LoraPair> pairs;
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
        for (const Projection projection : kProjections) {
            const auto pair = reader.read(module_of(projection, config, layer), shape_of(projection, config));
            if (!pair) {
                return with_context(context, pair.error());
            }
            pairs.push_back(*pair);
        }
    }
    const auto head = reader.read(
        {.module = std::string(config.names->head), .rows_total = config.vocabulary},
        {.out = config.vocabulary, .in = config.hidden}
    );
    if (!head) {
        return with_context(context, head.error());
    }
    if (auto good = reader.check_all_taken(); !good) {
        return with_context(context, good.error());
    }
    return std::shared_ptr<const Adapter>(new Adapter(std::move(*file), std::move(pairs), *head));
}

const LoraPair* Adapter::find(std::int64_t layer, Projection projection) const {
    const std::size_t index =
        static_cast<std::size_t>(layer) * kProjections.size() + static_cast<std::size_t>(projection);
    return pairs_[index].a.empty() ? nullptr : &pairs_[index];
}

const LoraPair* Adapter::head() const {
    return head_.a.empty() ? nullptr : &head_;
}

}  // namespace capstan::engine
