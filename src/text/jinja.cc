#include "text/jinja.h"

#include <fmt/format.h>

#include "text/jinja_interpreter.h"
#include "text/jinja_lexer.h"
#include "text/jinja_parser.h"

namespace capstan::text {
namespace {

constexpr std::size_t kTemplateBytesMax = std::size_t{1} << 20;

}  // namespace

Result<Template> Template::parse(std::string_view source) {
    if (source.size() > kTemplateBytesMax) {
        return Error{
            ErrorCode::kTooLarge,
            fmt::format("the template has {} bytes; {} at most", source.size(), kTemplateBytesMax)
        };
    }
    auto tokens = jinja::tokenize(source);
    if (!tokens) {
        return with_context("template", tokens.error());
    }
    auto program = jinja::parse_program(std::move(*tokens));
    if (!program) {
        return with_context("template", program.error());
    }
    return Template(std::make_shared<const jinja::Program>(std::move(*program)));
}

Result<std::string> render(const Template& source, const Json& context, RenderLimits limits) {
    auto text = jinja::Interpreter(source.program(), context, limits).run();
    if (!text) {
        return with_context("template", text.error());
    }
    return text;
}

}  // namespace capstan::text
