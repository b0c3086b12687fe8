#include "engine/files/gguf_source.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "engine/files/dequantise.h"
#include "engine/files/gguf_families.h"

namespace capstan::engine {
namespace {

// "model.layers.3.self_attn.q_proj.weight" in parts.
struct ModelName {
    std::optional<std::int64_t> layer;
    std::string_view module;  // "self_attn.q_proj"
    std::string_view end;     // ".weight"
};

std::optional<std::int64_t> take_number(std::string_view& text) {
    std::int64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    const auto digits = static_cast<std::size_t>(end - text.data());
    if (failed != std::errc() || digits == text.size() || text[digits] != '.') {
        return std::nullopt;
    }
    text.remove_prefix(digits + 1);
    return number;
}

ModelName split(std::string_view name, const GgufFamily& family) {
    ModelName parts;
    const std::size_t dot = std::min(name.rfind('.'), name.size());
    parts.end = name.substr(dot);
    parts.module = name.substr(0, dot);
    if (name.starts_with(family.layers)) {
        parts.module.remove_prefix(family.layers.size());
        parts.layer = take_number(parts.module);
    }
    return parts;
}

class Renamer {
public:
    Renamer(const GgufNaming& naming, const GgufFamily& family) : naming_(naming), family_(family) {}

    Result<void> add(const NamedTensor& named) {
        const ModelName parts = split(named.name, family_);
        if (parts.layer && !family_.experts.empty() && parts.module.starts_with(family_.experts)) {
            return add_expert(named, parts);
        }
        const auto names = parts.layer ? family_.in_layer : family_.ends;
        const auto found = std::ranges::find(names, parts.module, &GgufModuleNames::hugging_face);
        if (found == names.end()) {
            return no_place_for(named);
        }
        GgufSource source = gguf_source_of(*named.tensor);
        source.name = parts.layer ? fmt::format("blk.{}.{}{}", *parts.layer, found->gguf, parts.end)
                                  : fmt::format("{}{}", found->gguf, parts.end);
        apply(*found, parts.end, source);
        if (source.is_transposed && !is_weight_type(source.type())) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format(
                    "tensor '{}' is {} and would have to be transposed: take the model it was made from",
                    named.name,
                    name_of(source.type())
                )
            };
        }
        sources_.push_back(std::move(source));
        return {};
    }

    std::vector<GgufSource> take() { return std::move(sources_); }

private:
    Error no_place_for(const NamedTensor& named) const {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("tensor '{}' has no place in a GGUF file of {}", named.name, naming_.architecture)
        };
    }

    void apply(const GgufModuleNames& names, std::string_view end, GgufSource& source) const {
        if (names.change == GgufChange::kTransposed && end == ".weight" && source.shape.size() == 2) {
            source.is_transposed = true;
            std::ranges::reverse(source.shape);
        } else if (names.change == GgufChange::kQueryRows) {
            source.interleaved_heads = naming_.query_heads;
        } else if (names.change == GgufChange::kKeyRows) {
            source.interleaved_heads = naming_.key_heads;
        }
        if (names.gguf.ends_with("norm")) {
            source.offset = family_.norm_offset;
        }
        if (names.gguf == "ffn_gate_inp_shexp" && source.shape.size() == 2 && source.shape.front() == 1) {
            source.shape.erase(source.shape.begin());  // llama.cpp has it as a vector.
        }
    }

    std::string_view expert_module(std::string_view name) const {
        if (name == family_.expert_gate) {
            return "ffn_gate_exps";
        }
        if (name == family_.expert_up) {
            return "ffn_up_exps";
        }
        return name == family_.expert_down ? "ffn_down_exps" : "";
    }

    Result<void> add_expert(const NamedTensor& named, const ModelName& parts) {
        std::string_view rest = parts.module.substr(family_.experts.size());
        const auto expert = take_number(rest);
        const std::string_view module = expert_module(rest);
        if (!expert || module.empty() || parts.end != ".weight") {
            return no_place_for(named);
        }
        std::string name = fmt::format("blk.{}.{}{}", *parts.layer, module, parts.end);
        const auto [at, is_new] = experts_.try_emplace(name, sources_.size());
        if (is_new) {
            GgufSource first = gguf_source_of(*named.tensor);
            first.name = std::move(name);
            first.shape.insert(first.shape.begin(), 0);
            first.parts.clear();
            sources_.push_back(std::move(first));
        }
        GgufSource& all = sources_[at->second];
        if (!all.parts.empty() && all.type() != named.tensor->type) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format(
                    "tensor '{}' is {}, and that of the first expert {}: '{}' can only have one type",
                    named.name,
                    name_of(named.tensor->type),
                    name_of(all.type()),
                    all.name
                )
            };
        }
        if (*expert != std::ssize(all.parts)) {
            return Error{
                ErrorCode::kInvalid, fmt::format("tensor '{}': experts must be in order", named.name)
            };
        }
        all.parts.push_back(named.tensor);
        ++all.shape.front();
        return {};
    }

    const GgufNaming& naming_;
    const GgufFamily& family_;
    std::vector<GgufSource> sources_;
    std::map<std::string, std::size_t> experts_;  // Where in `sources_`.
};

}  // namespace

std::int64_t GgufSource::rows() const {
    std::int64_t elements = 1;
    for (const std::int64_t size : shape) {
        elements *= size;
    }
    return elements / columns();
}

std::int64_t GgufSource::part_row(std::int64_t row) const {
    if (interleaved_heads == 0) {
        return row;
    }
    const std::int64_t head_rows = rows() / interleaved_heads;
    const std::int64_t at = row % head_rows;
    return row - at + at % 2 * (head_rows / 2) + at / 2;
}

void GgufSource::read_row(std::int64_t row, float* out) const {
    const std::int64_t part_rows = rows() / std::ssize(parts);
    const Tensor& part = *parts[static_cast<std::size_t>(row / part_rows)];
    const std::int64_t count = columns();
    if (is_transposed) {
        for (std::int64_t column = 0; column < count; ++column) {
            out[column] = weight_at(part.bytes.data(), part.type, column * part_rows + row);
        }
    } else {
        const std::int64_t from = part_row(row % part_rows);
        dequantise(part.type, part.bytes.data() + bytes_of(part.type, from * count), count, out);
    }
    for (std::int64_t column = 0; offset != 0 && column < count; ++column) {
        out[column] += offset;
    }
}

GgufSource gguf_source_of(const Tensor& tensor) {
    return {.name = tensor.name, .shape = tensor.shape, .parts = {&tensor}};
}

Result<std::vector<GgufSource>> gguf_sources_of(
    const GgufNaming& naming, std::span<const NamedTensor> tensors
) {
    const auto family = gguf_family_of(naming.architecture);
    if (!family) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("'{}' is no architecture of a GGUF file that can be written", naming.architecture)
        };
    }
    Renamer renamer(naming, *family);
    for (const NamedTensor& tensor : tensors) {
        if (auto good = renamer.add(tensor); !good) {
            return good.error();
        }
    }
    return renamer.take();
}

}  // namespace capstan::engine
