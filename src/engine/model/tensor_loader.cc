#include "engine/model/tensor_loader.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "engine/files/dequantise.h"

namespace capstan::engine {
namespace {

// [columns, rows] to [rows, columns]; types of whole bytes.
std::vector<std::byte> transposed(const kernels::WeightMatrix& source) {
    const auto size = static_cast<std::size_t>(bytes_of(source.type));
    const auto rows = static_cast<std::size_t>(source.rows);
    const auto columns = static_cast<std::size_t>(source.columns);
    std::vector<std::byte> out(rows * columns * size);
    for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t column = 0; column < columns; ++column) {
            std::memcpy(
                out.data() + (column * rows + row) * size, source.data + (row * columns + column) * size, size
            );
        }
    }
    return out;
}

// Rows in the order that Hugging Face has them.
std::vector<std::byte> rotary_halves(const Tensor& tensor, const kernels::WeightMatrix& source) {
    const auto row_bytes = static_cast<std::size_t>(bytes_of(source.type, source.columns));
    std::vector<std::byte> out(static_cast<std::size_t>(source.rows) * row_bytes);
    for (std::int64_t row = 0; row < source.rows; ++row) {
        const auto from = static_cast<std::size_t>(stored_row(tensor, row));
        std::memcpy(
            out.data() + static_cast<std::size_t>(row) * row_bytes, source.data + from * row_bytes, row_bytes
        );
    }
    return out;
}

bool is_rounding(kernels::PackAs pack_as) {
    return pack_as == kernels::PackAs::kInt8 || pack_as == kernels::PackAs::kInt4;
}

}  // namespace

Result<kernels::WeightMatrix> find_matrix(
    const Tensor* tensor, std::string_view name, std::int64_t rows, std::int64_t columns
) {
    if (tensor == nullptr) {
        return Error{ErrorCode::kInvalid, fmt::format("tensor '{}' is missing", name)};
    }
    const bool is_vector = tensor->shape.size() == 1 && rows == 1 && tensor->shape[0] == columns;
    const bool is_matrix =
        tensor->shape.size() == 2 && tensor->shape[0] == rows && tensor->shape[1] == columns;
    if (!is_vector && !is_matrix) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "tensor '{}' has shape {}; the configuration asks for [{}, {}]",
                name,
                shape_text(tensor->shape),
                rows,
                columns
            )
        };
    }
    if (columns % block_of(tensor->type).elements != 0) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "tensor '{}' is {}, whose blocks do not fill rows of {}", name, name_of(tensor->type), columns
            )
        };
    }
    return kernels::WeightMatrix{
        .data = tensor->bytes.data(), .type = tensor->type, .rows = rows, .columns = columns
    };
}

std::string TensorLoader::stored_name(std::string_view name) const {
    if (!dropped_prefix_.empty() && name.starts_with(dropped_prefix_)) {
        name.remove_prefix(dropped_prefix_.size());
    }
    return std::string(name);
}

void TensorLoader::want(const std::string& name, std::vector<std::int64_t> shape) {
    if (taken_.insert(name).second) {
        wanted_.push_back({.name = name, .shape = std::move(shape)});
    }
}

Result<kernels::WeightMatrix> TensorLoader::whole(
    const std::string& name, std::int64_t rows, std::int64_t columns, bool is_transposed
) {
    want(name, is_transposed ? std::vector{columns, rows} : std::vector{rows, columns});
    if (checkpoint_ == nullptr) {
        return kernels::WeightMatrix{};
    }
    if (const auto known = copied_.find(name); known != copied_.end()) {
        return known->second;
    }
    const Tensor* tensor = checkpoint_->find(name);
    const bool is_turned = is_transposed && tensor != nullptr && !tensor->is_transposed;
    const auto source = find_matrix(tensor, name, is_turned ? columns : rows, is_turned ? rows : columns);
    if (!source) {
        return source.error();
    }
    if (is_turned && block_of(source->type).elements != 1) {
        return Error{
            ErrorCode::kInvalid, fmt::format("tensor '{}' is in blocks of the wrong direction", name)
        };
    }
    if (!is_turned && tensor->interleaved_heads == 0) {
        return *source;
    }
    copies_.push_back(is_turned ? transposed(*source) : rotary_halves(*tensor, *source));
    const kernels::WeightMatrix made = {
        .data = copies_.back().data(), .type = source->type, .rows = rows, .columns = columns
    };
    copied_.emplace(name, made);
    return made;
}

Result<Linear> TensorLoader::linear(const ModulePart& part, const LinearShape& shape, bool is_transposed) {
    if (!is_rounding(pack_as_) || part.keeps_precision) {
        const auto pack_as = is_rounding(pack_as_) ? kernels::PackAs::kStored : pack_as_;
        return packed(part, shape, is_transposed, pack_as);
    }
    const std::string name = stored_name(part.module) + ".weight";
    const Tensor* tensor = checkpoint_ == nullptr ? nullptr : checkpoint_->find(name);
    if (tensor != nullptr && bits_of(kernels::packed_format_of(tensor->type)) < 8) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "tensor '{}' is {} already: rounding it once more would only lose; load the model as it is "
                "stored",
                name,
                name_of(tensor->type)
            )
        };
    }
    return packed(part, shape, is_transposed, pack_as_);
}

Result<Linear> TensorLoader::packed(
    const ModulePart& part, const LinearShape& shape, bool is_transposed, kernels::PackAs pack_as
) {
    const std::string module = stored_name(part.module);
    auto matrix = whole(module + ".weight", part.rows_total, shape.in, is_transposed);
    if (!matrix) {
        return matrix.error();
    }
    Linear linear;
    if (!matrix->empty()) {
        matrix->data += bytes_of(matrix->type, part.row_begin * shape.in);
        matrix->rows = shape.out;
        linear.weight = kernels::PackedMatrix::pack(*matrix, team_, pack_as);
    }
    if (shape.has_bias) {
        const auto bias = vector(part.module + ".bias", part.rows_total);
        if (!bias) {
            return bias.error();
        }
        const auto first = bias->begin() + part.row_begin;
        linear.bias.assign(first, first + shape.out);
    }
    return linear;
}

Result<kernels::PackedMatrix> TensorLoader::matrix(
    const std::string& module, std::int64_t rows, std::int64_t columns
) {
    const auto pack_as = pack_as_ == kernels::PackAs::kInt4 ? kernels::PackAs::kInt8 : pack_as_;
    auto made = packed({.module = module, .rows_total = rows}, {.out = rows, .in = columns}, false, pack_as);
    if (!made) {
        return made.error();
    }
    return std::move(made->weight);
}

Result<std::vector<float>> TensorLoader::vector(const std::string& logical_name, std::int64_t count) {
    const std::string name = stored_name(logical_name);
    want(name, {count});
    std::vector<float> values(static_cast<std::size_t>(count));
    if (checkpoint_ == nullptr) {
        return values;
    }
    const Tensor* tensor = checkpoint_->find(name);
    if (tensor != nullptr && tensor->shape.size() != 1) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("tensor '{}' has shape {}, not [{}]", name, shape_text(tensor->shape), count)
        };
    }
    const auto matrix = find_matrix(tensor, name, 1, count);
    if (!matrix) {
        return matrix.error();
    }
    std::vector<float> stored(values.size());
    dequantise(matrix->type, matrix->data, count, stored.data());
    for (std::int64_t i = 0; i < count; ++i) {
        values[static_cast<std::size_t>(i)] =
            stored[static_cast<std::size_t>(stored_row(*tensor, i))] - tensor->offset;
    }
    return values;
}

Result<void> TensorLoader::check_all_taken(std::span<const std::string_view> ignored_ends) const {
    for (const std::string& name : checkpoint_->names()) {
        const bool is_ignored = std::ranges::any_of(ignored_ends, [&](std::string_view end) {
            return !end.empty() && name.ends_with(end);
        });
        if (!taken_.contains(name) && !is_ignored) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format("tensor '{}' is not part of the model that config.json describes", name)
            };
        }
    }
    return {};
}

}  // namespace capstan::engine
