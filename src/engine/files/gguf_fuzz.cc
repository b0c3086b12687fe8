// Any bytes as a GGUF file: no crash, every tensor and value of an accepted file lies inside it, every value
// can be read, and what is made of the metadata (configuration, names, tokenizer, chat template) is made or
// refused.

#include <cstddef>
#include <cstdint>
#include <tuple>

#include "base/check.h"
#include "engine/files/gguf.h"
#include "engine/files/gguf_config.h"
#include "engine/files/gguf_names.h"
#include "engine/files/model_text.h"

namespace {

using capstan::engine::GgufValue;

constexpr std::int64_t kRowsMax = 1'000;

void read_every_way(const GgufValue& value) {
    std::size_t bytes = 0;
    if (const auto strings = value.as_strings()) {
        for (const auto string : *strings) {
            bytes += string.size();
        }
    }
    CHECK(bytes <= value.bytes.size(), "strings are part of the array");
    CHECK(!value.as_ints() || value.as_ints()->size() == value.elements, "all elements");
    CHECK(!value.as_doubles() || value.as_doubles()->size() == value.elements, "all elements");
    CHECK(!value.as_int() || value.as_double(), "integers are numbers");
    CHECK(!value.as_bool() || !value.as_string(), "a value is of one kind");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view file(reinterpret_cast<const char*>(data), size);
    const auto content = capstan::engine::GgufFile::view(file);
    if (!content) {
        return 0;
    }
    std::size_t bytes = 0;
    for (const auto& [name, tensor] : content->tensors()) {
        const auto* begin = reinterpret_cast<const char*>(tensor.bytes.data());
        CHECK(begin >= file.data() && begin + tensor.bytes.size() <= file.data() + size, "inside the file");
        bytes += tensor.bytes.size();
    }
    CHECK(bytes <= size, "tensors do not overlap");
    for (const auto& [key, value] : content->metadata()) {
        const char* begin = value.bytes.data();
        CHECK(begin >= file.data() && begin + value.bytes.size() <= file.data() + size, "inside the file");
        read_every_way(value);
    }
    const auto config = capstan::engine::config_json_of(*content);
    CHECK(!config || config->is_object(), "a configuration is an object");
    if (const auto tensors = capstan::engine::hugging_face_tensors(*content)) {
        for (const auto& [name, tensor] : *tensors) {
            const std::int64_t rows = tensor.shape.empty() ? 0 : tensor.shape.front();
            for (std::int64_t row = 0; row < rows && row < kRowsMax; ++row) {
                const std::int64_t stored = capstan::engine::stored_row(tensor, row);
                CHECK(stored >= 0 && stored < rows, "rows are only reordered");
            }
        }
    }
    std::ignore = capstan::engine::tokenizer_of(*content).has_value();
    std::ignore = capstan::engine::chat_template_of(*content).has_value();
    return 0;
}
