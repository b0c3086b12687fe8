#include "engine/model/adapter.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>
#include <string>

#include <fmt/format.h>

#include "engine/files/safetensors.h"
#include "engine/model/adapter_config.h"
#include "engine/model/tensor_loader.h"

namespace capstan::engine {
namespace {

// A pair as the file has it.
struct LoraPair {
    kernels::WeightMatrix a;  // [rank, in]; empty for none.
    kernels::WeightMatrix b;  // [out, rank]
    float scale = 1;
    std::string module;
};

// Rounded up to whole cache lines.
std::int64_t lines_of(std::int64_t bytes) {
    return (bytes + 63) / 64 * 64;
}

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
            .module = part.module,
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

// The A's of a group, one below the other. Parts of one module have the same A, which is there once.
class AStack {
public:
    // The rank at which the pair's A begins.
    std::int64_t add(const LoraPair& pair) {
        for (const auto& [known, begin] : begins_) {
            if (known->module == pair.module) {
                return begin;
            }
        }
        begins_.emplace_back(&pair, ranks_);
        ranks_ += pair.a.rows;
        return begins_.back().second;
    }

    kernels::LoraMatrix pack(kernels::LoraPrecision precision) const {
        if (begins_.empty()) {
            return {};
        }
        const kernels::WeightMatrix& first = begins_.front().first->a;
        bool is_one_type = true;
        for (const auto& [pair, begin] : begins_) {
            is_one_type = is_one_type && pair->a.type == first.type;
        }
        const DataType type = is_one_type ? first.type : DataType::kF32;
        std::vector<std::byte> bytes;
        for (const auto& [pair, begin] : begins_) {
            append(pair->a, type, bytes);
        }
        return kernels::LoraMatrix::pack_a(
            {.data = bytes.data(), .type = type, .rows = ranks_, .columns = first.columns}, precision
        );
    }

private:
    static void append(const kernels::WeightMatrix& matrix, DataType type, std::vector<std::byte>& bytes) {
        const std::int64_t count = matrix.rows * matrix.columns;
        const std::size_t begin = bytes.size();
        bytes.resize(begin + static_cast<std::size_t>(bytes_of(type, count)));
        if (matrix.type == type) {
            std::memcpy(bytes.data() + begin, matrix.data, bytes.size() - begin);
            return;
        }
        for (std::int64_t i = 0; i < count; ++i) {
            const float value = weight_at(matrix.data, matrix.type, i);
            std::memcpy(bytes.data() + begin + static_cast<std::size_t>(i) * 4, &value, sizeof value);
        }
    }

    std::vector<std::pair<const LoraPair*, std::int64_t>> begins_;
    std::int64_t ranks_ = 0;
};

// `pairs` of one group, by part.
LoraGroup group_of_pairs(
    const std::array<LoraPair, kGroupPartsMax>& pairs, kernels::LoraPrecision precision
) {
    LoraGroup group;
    AStack stack;
    for (std::size_t part = 0; part < pairs.size(); ++part) {
        const LoraPair& pair = pairs[part];
        if (!pair.a.empty()) {
            group.parts[part] = {
                .b = kernels::LoraMatrix::pack_b(pair.b, precision),
                .rank_begin = stack.add(pair),
                .scale = pair.scale,
            };
        }
    }
    group.a = stack.pack(precision);
    return group;
}

// What an adapter is read for.
struct Reading {
    const ModelConfig& config;
    kernels::LoraPrecision precision = kernels::LoraPrecision::kStored;
};

Result<std::vector<LoraGroup>> read_layer(PairReader& reader, const Reading& reading, std::int64_t layer) {
    const ModelConfig& config = reading.config;
    std::array<std::array<LoraPair, kGroupPartsMax>, kInputGroups> pairs;
    for (const Projection projection : kProjections) {
        auto pair = reader.read(module_of(projection, config, layer), shape_of(projection, config));
        if (!pair) {
            return pair.error();
        }
        const GroupPart place = group_of(projection);
        pairs[static_cast<std::size_t>(place.group)][place.part] = std::move(*pair);
    }
    std::vector<LoraGroup> groups;
    for (const auto& of_group : pairs) {
        groups.push_back(group_of_pairs(of_group, reading.precision));
    }
    return groups;
}

}  // namespace

kernels::LoraPrecision usual_adapter_precision(const ModelConfig& config) {
    if (config.is_packed_small) {
        return kernels::LoraPrecision::kInt8;
    }
    return config.is_float32 ? kernels::LoraPrecision::kStored : kernels::LoraPrecision::kHalf;
}

Result<std::shared_ptr<const Adapter>> Adapter::load(
    const std::filesystem::path& directory,
    const ModelConfig& config,
    std::optional<kernels::LoraPrecision> precision
) {
    const Reading reading = {
        .config = config, .precision = precision.value_or(usual_adapter_precision(config))
    };
    const auto settings = read_adapter_settings(directory / "adapter_config.json");
    if (!settings) {
        return settings.error();
    }
    const auto file = SafetensorsFile::open(directory / "adapter_model.safetensors");
    if (!file) {
        return file.error();
    }
    const std::string context = fmt::format("adapter '{}'", directory.string());
    PairReader reader(*file, *settings);
    std::vector<LoraGroup> groups;
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
        auto of_layer = read_layer(reader, reading, layer);
        if (!of_layer) {
            return with_context(context, of_layer.error());
        }
        std::ranges::move(*of_layer, std::back_inserter(groups));
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
    return std::shared_ptr<const Adapter>(
        new Adapter(std::move(groups), group_of_pairs({*head, LoraPair{}, LoraPair{}}, reading.precision))
    );
}

Adapter::Adapter(std::vector<LoraGroup> groups, LoraGroup head)
    : groups_(std::move(groups)), head_(std::move(head)) {
    std::vector<kernels::LoraMatrix*> matrices;
    const auto add = [&matrices](LoraGroup& group) {
        matrices.push_back(&group.a);
        for (LoraPart& part : group.parts) {
            matrices.push_back(&part.b);
        }
    };
    std::ranges::for_each(groups_, add);
    add(head_);
    std::int64_t bytes = 0;
    for (const kernels::LoraMatrix* matrix : matrices) {
        bytes += lines_of(matrix->bytes());
    }
    memory_ = HugeBuffer(bytes);
    std::byte* place = memory_.data();
    for (kernels::LoraMatrix* matrix : matrices) {
        if (!matrix->empty()) {
            matrix->move_to(place);
            place += lines_of(matrix->bytes());
        }
    }
}

const LoraGroup* Adapter::find(std::int64_t layer, InputGroup group) const {
    const LoraGroup& found =
        groups_[static_cast<std::size_t>(layer) * kInputGroups + static_cast<std::size_t>(group)];
    return found.empty() ? nullptr : &found;
}

const LoraPart* Adapter::find(std::int64_t layer, Projection projection) const {
    const GroupPart place = group_of(projection);
    const LoraGroup* group = find(layer, place.group);
    return group == nullptr || group->parts[place.part].b.empty() ? nullptr : &group->parts[place.part];
}

}  // namespace capstan::engine
