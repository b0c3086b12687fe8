#pragma once

// Jinja templates: the language in which models say how a conversation becomes their prompt.
//
// The subset that chat templates use, with the output of Jinja 3.1 as Hugging Face sets it up (trim_blocks
// and lstrip_blocks on, no escaping, tojson as json.dumps with ensure_ascii off, raise_exception,
// strftime_now, break and continue, generation blocks). Templates come from strangers: what one may cost is
// limited.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace capstan::text {

namespace jinja {
struct Program;
}

// Immutable and thread-safe; copies share one program.
class Template {
public:
    // kInvalid with the line for what is no template or uses what is not supported; kTooLarge over 1 MiB or
    // nested too deeply.
    static Result<Template> parse(std::string_view source);

    const jinja::Program& program() const { return *program_; }

private:
    explicit Template(std::shared_ptr<const jinja::Program> program) : program_(std::move(program)) {}

    std::shared_ptr<const jinja::Program> program_;
};

struct RenderLimits {
    std::size_t output_bytes = std::size_t{16} << 20;  // Also of any text on the way.
    std::size_t steps = 2'000'000;                     // Roughly: expressions, and bytes by the sixteen.
};

// `context` is an object: its members are the template's variables. kInvalid with the line for errors of the
// template and for what it raises itself, kTooLarge over a limit. Thread-safe.
Result<std::string> render(const Template& source, const Json& context, RenderLimits limits = {});

}  // namespace capstan::text
