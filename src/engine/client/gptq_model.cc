#include "engine/client/gptq_model.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/client/gptq.h"
#include "engine/files/checkpoint.h"
#include "engine/files/dequantise.h"

namespace capstan::engine {
namespace {

constexpr std::int64_t kSumsBytesMax = std::int64_t{2} << 30;
constexpr std::int64_t kRowsAtOnce = 16;  // Of a thread.

std::vector<std::byte> round_matrix(
    const Tensor& tensor, DataType type, const GptqFactor& factor, ThreadTeam& team
) {
    const std::int64_t columns = factor.columns();
    std::vector<std::byte> blocks(static_cast<std::size_t>(bytes_of(type, tensor.elements())));
    team.run(tensor.shape.front(), kRowsAtOnce, [&](int, std::int64_t begin, std::int64_t end) {
        std::vector<float> values;
        for (std::int64_t row = begin; row < end; row += kRowsAtOnce) {
            const std::int64_t count = std::min(kRowsAtOnce, end - row);
            values.resize(static_cast<std::size_t>(count * columns));
            const std::byte* stored = tensor.bytes.data() + bytes_of(tensor.type, row * columns);
            dequantise(tensor.type, stored, count * columns, values.data());
            gptq_round(
                factor, {.type = type, .values = values, .out = blocks.data() + bytes_of(type, row * columns)}
            );
        }
    });
    return blocks;
}

}  // namespace

Result<std::map<std::string, std::vector<std::byte>>> gptq_blocks(const GptqModel& command) {
    const auto checkpoint = Checkpoint::open(command.calibration.model);
    if (!checkpoint) {
        return checkpoint.error();
    }
    const GgufFile* gguf = checkpoint->gguf();
    ThreadTeam team(command.calibration.threads);
    std::map<std::string, std::vector<std::byte>> rounded;
    const auto round = [&](InputSums input) -> Result<void> {
        std::vector<const Tensor*> matrices;
        for (const std::string& name : input.matrices) {
            const Tensor* tensor = gguf != nullptr ? gguf->find_tensor(name) : checkpoint->find(name);
            if (tensor != nullptr && tensor->shape.size() == 2 && tensor->shape[1] == input.columns &&
                is_gptq_type(command.type_of(*tensor)) && command.type_of(*tensor) != tensor->type) {
                matrices.push_back(tensor);
            }
        }
        if (matrices.empty()) {
            return {};
        }
        const auto factor = GptqFactor::make(std::move(input.sums), input.columns, team);
        if (!factor) {
            return with_context(fmt::format("tensor '{}'", matrices.front()->name), factor.error());
        }
        for (const Tensor* tensor : matrices) {
            rounded.emplace(tensor->name, round_matrix(*tensor, command.type_of(*tensor), *factor, team));
        }
        return {};
    };
    if (auto good = calibrate_sums(command.calibration, kSumsBytesMax, round); !good) {
        return good.error();
    }
    return rounded;
}

}  // namespace capstan::engine
