#include "engine/files/gguf_names.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "engine/files/gguf_families.h"

namespace capstan::engine {
namespace {

// "blk.3.attn_q.weight" in parts.
struct StoredName {
    std::optional<int> layer;
    std::string module;  // "attn_q"
    std::string end;     // ".weight"
};

StoredName split(std::string_view name) {
    StoredName parts;
    const std::size_t dot = name.rfind('.');
    if (dot != std::string_view::npos) {
        parts.end = name.substr(dot);
        name = name.substr(0, dot);
    }
    if (name.starts_with("blk.")) {
        int layer = 0;
        const std::string_view rest = name.substr(4);
        const auto [end, failed] = std::from_chars(rest.data(), rest.data() + rest.size(), layer);
        if (failed == std::errc() && end != rest.data() + rest.size() && *end == '.' && layer >= 0) {
            parts.layer = layer;
            name = rest.substr(static_cast<std::size_t>(end - rest.data()) + 1);
        }
    }
    parts.module = name;
    return parts;
}

class Renamer {
public:
    Renamer(const GgufFile& file, const GgufFamily& family, std::string_view architecture)
        : family_(family),
          query_heads_(file.int_or(fmt::format("{}.attention.head_count", architecture), 0)),
          key_heads_(file.int_or(fmt::format("{}.attention.head_count_kv", architecture), query_heads_)) {}

    Result<void> add(const Tensor& stored) {
        const StoredName parts = split(stored.name);
        if (parts.layer) {
            if (auto added = add_experts(stored, parts); !added || *added) {
                return added ? Result<void>() : added.error();
            }
        }
        const auto names = parts.layer ? family_.in_layer : family_.ends;
        const auto found = std::ranges::find(names, parts.module, &GgufModuleNames::gguf);
        if (found == names.end()) {
            return keep(stored, stored.name);
        }
        const std::string prefix = parts.layer ? fmt::format("{}{}.", family_.layers, *parts.layer) : "";
        Tensor tensor = stored;
        if (auto good = apply(found->change, parts, tensor); !good) {
            return good;
        }
        if (parts.module.ends_with("norm")) {
            tensor.offset = family_.norm_offset;
        }
        return keep(std::move(tensor), fmt::format("{}{}{}", prefix, found->hugging_face, parts.end));
    }

    std::map<std::string, Tensor, std::less<>> take() { return std::move(tensors_); }

private:
    Result<void> keep(Tensor tensor, std::string name) {
        tensor.name = name;
        if (!tensors_.emplace(name, std::move(tensor)).second) {
            return Error{ErrorCode::kInvalid, fmt::format("tensor '{}' is there under two names", name)};
        }
        return {};
    }

    Result<void> apply(GgufChange change, const StoredName& parts, Tensor& tensor) const {
        if (change == GgufChange::kTransposed) {
            tensor.is_transposed = parts.end == ".weight";
        }
        if (change == GgufChange::kQueryRows || change == GgufChange::kKeyRows) {
            const std::int64_t heads = change == GgufChange::kQueryRows ? query_heads_ : key_heads_;
            const std::int64_t rows = tensor.shape.empty() ? 1 : tensor.shape.front();
            if (heads <= 0 || rows % heads != 0 || rows / heads % 2 != 0) {
                return Error{
                    ErrorCode::kInvalid,
                    fmt::format("tensor '{}': {} rows are no {} heads of even size", tensor.name, rows, heads)
                };
            }
            tensor.interleaved_heads = heads;
        }
        return {};
    }

    std::string_view expert_module(std::string_view stem) const {
        if (stem == "ffn_gate") {
            return family_.expert_gate;
        }
        if (stem == "ffn_up") {
            return family_.expert_up;
        }
        return stem == "ffn_down" ? family_.expert_down : "";
    }

    // "ffn_up_exps" is [experts, rows, columns]: a view for each. False when this is something else.
    Result<bool> add_experts(const Tensor& stored, const StoredName& parts) {
        constexpr std::string_view kEnd = "_exps";
        const std::string_view module = parts.module;
        if (!module.ends_with(kEnd) || stored.shape.size() != 3) {
            return false;
        }
        const std::string_view name = expert_module(module.substr(0, module.size() - kEnd.size()));
        if (name.empty()) {
            return false;
        }
        const std::int64_t experts = stored.shape.front();
        if (experts > kGgufExpertsMax) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format(
                    "tensor '{}': {} experts; at most {} can be", stored.name, experts, kGgufExpertsMax
                )
            };
        }
        const std::size_t bytes = stored.bytes.size() / static_cast<std::size_t>(experts);
        for (std::int64_t expert = 0; expert < experts; ++expert) {
            Tensor view = stored;
            view.shape.erase(view.shape.begin());
            view.bytes = stored.bytes.subspan(static_cast<std::size_t>(expert) * bytes, bytes);
            view.name = fmt::format(
                "{}{}.{}{}.{}{}", family_.layers, *parts.layer, family_.experts, expert, name, parts.end
            );
            tensors_.insert_or_assign(view.name, view);
        }
        return true;
    }

    const GgufFamily& family_;
    std::int64_t query_heads_;
    std::int64_t key_heads_;
    std::map<std::string, Tensor, std::less<>> tensors_;
};

constexpr std::string_view kReadByConfiguration[] = {
    "rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"
};

}  // namespace

Result<std::map<std::string, Tensor, std::less<>>> hugging_face_tensors(const GgufFile& file) {
    const std::string architecture = file.string_or("general.architecture", "");
    const auto family = gguf_family_of(architecture);
    if (!family) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "'general.architecture' is '{}'; llama, qwen2, qwen2moe, qwen3, qwen3moe, gemma, gemma2, "
                "gemma3, phi3, gpt2 and bert are known",
                architecture.substr(0, 80)
            )
        };
    }
    Renamer renamer(file, *family, architecture);
    for (const auto& [name, tensor] : file.tensors()) {
        if (std::ranges::count(kReadByConfiguration, name) != 0) {
            continue;
        }
        if (auto good = renamer.add(tensor); !good) {
            return good.error();
        }
    }
    return renamer.take();
}

}  // namespace capstan::engine
