#pragma once

// For the readers of OpenAI's requests only: members taken one after the other, and the first thing that is
// wrong with them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/json.h"
#include "base/result.h"
#include "llm/openai_wire.h"

namespace capstan::llm {

// Reads members of a request one after the other and remembers the first thing wrong with them.
class Reader {
public:
    explicit Reader(const Json& body) : body_(body) {}

    std::optional<double> number(std::string_view name, double low, double high) {
        const Json& value = body_[name];
        if (value.is_null()) {
            return std::nullopt;
        }
        const auto found = value.as_double();
        if (!found || !(*found >= low && *found <= high)) {
            fail(fmt::format("'{}' must be a number from {} to {}", name, low, high));
            return std::nullopt;
        }
        return found;
    }

    std::optional<std::int64_t> integer(std::string_view name, std::int64_t low, std::int64_t high) {
        const Json& value = body_[name];
        if (value.is_null()) {
            return std::nullopt;
        }
        const auto found = value.as_int();
        if (!found || *found < low || *found > high) {
            fail(fmt::format("'{}' must be an integer from {} to {}", name, low, high));
            return std::nullopt;
        }
        return found;
    }

    bool flag(std::string_view name) {
        const Json& value = body_[name];
        if (!value.is_null() && !value.is_bool()) {
            fail(fmt::format("'{}' must be true or false", name));
        }
        return value.as_bool().value_or(false);
    }

    std::string text(std::string_view name, bool required) {
        const Json& value = body_[name];
        if (value.is_null() && !required) {
            return {};
        }
        if (const auto* found = value.as_string()) {
            return *found;
        }
        fail(fmt::format("'{}' must be a string", name));
        return {};
    }

    const Json& operator[](std::string_view name) const { return body_[name]; }

    void fail(std::string message) {
        if (!error_) {
            error_ = Error{ErrorCode::kInvalid, std::move(message)};
        }
    }

    const std::optional<Error>& error() const { return error_; }

private:
    const Json& body_;
    std::optional<Error> error_;
};

// The parts of a request, each refused by its parameter's name through `reader`.
std::vector<Message> read_messages(Reader& reader);
std::vector<Prompt> read_prompts(Reader& reader);  // Of /v1/completions; never empty.
Sampling read_sampling(Reader& reader);
std::vector<std::string> read_stop(Reader& reader);
std::vector<TokenId> read_stop_tokens(Reader& reader);
std::optional<BeamOptions> read_beams(Reader& reader);
Constraint read_constraint(Reader& reader);
std::vector<Tool> read_tools(Reader& reader);
ToolChoice read_tool_choice(Reader& reader, const std::vector<Tool>& tools);

}  // namespace capstan::llm
