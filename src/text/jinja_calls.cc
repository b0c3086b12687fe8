// The calls of Interpreter: macros and the functions that each template has.

#include <algorithm>
#include <array>
#include <ctime>
#include <iterator>

#include <fmt/format.h>

#include "base/clock.h"
#include "text/jinja_interpreter.h"

namespace capstan::text::jinja {
namespace {

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

// In local time, as Python's datetime.now().strftime().
std::string format_now(const std::string& format) {
    const std::time_t now = system_now_ms() / 1000;
    std::tm local{};
    localtime_r(&now, &local);
    std::array<char, 1024> buffer{};
    const std::size_t size = std::strftime(buffer.data(), buffer.size(), format.c_str(), &local);
    return std::string(buffer.data(), size);
}

}  // namespace

Result<CallArguments> Interpreter::evaluate_arguments(const Arguments& arguments) {
    CallArguments evaluated;
    for (const ExpressionPointer& expression : arguments.positional) {
        Evaluated value = evaluate(*expression);
        if (!value) {
            return value.error();
        }
        evaluated.positional.push_back(std::move(*value));
    }
    for (const auto& [name, expression] : arguments.named) {
        Evaluated value = evaluate(*expression);
        if (!value) {
            return value.error();
        }
        evaluated.named.emplace_back(name, std::move(*value));
    }
    return evaluated;
}

Interpreter::Evaluated Interpreter::call(const Value& callee, const CallArguments& arguments) {
    if (const Macro* const* macro = callee.as<const Macro*>()) {
        return call_macro(**macro, arguments);
    }
    if (const Builtin* builtin = callee.as<Builtin>()) {
        return call_builtin(*builtin, arguments);
    }
    if (callee.is_undefined()) {
        return invalid(fmt::format("'{}' is undefined", callee.as<Undefined>()->name));
    }
    return invalid(fmt::format("{} cannot be called", callee.type()));
}

Result<Interpreter::Scope> Interpreter::bind_parameters(const Macro& macro, const CallArguments& arguments) {
    const auto& parameters = macro.statement->parameters;
    Scope scope;
    if (arguments.positional.size() > parameters.size()) {
        return invalid(fmt::format(
            "macro '{}' takes {} arguments, not {}",
            macro.statement->name,
            parameters.size(),
            arguments.positional.size()
        ));
    }
    for (const auto& [name, value] : arguments.named) {
        const bool known =
            std::ranges::any_of(parameters, [&](const auto& parameter) { return parameter.first == name; });
        if (!known && name != "caller") {
            return invalid(fmt::format("macro '{}' has no parameter '{}'", macro.statement->name, name));
        }
    }
    if (const Value* caller = arguments.find(arguments.positional.size(), "caller")) {
        scope.emplace_back("caller", *caller);
    }
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        const auto& [name, otherwise] = parameters[i];
        const Value* given = arguments.find(i, name);
        Evaluated value = given != nullptr ? Evaluated(*given) : evaluate(otherwise, Undefined{name});
        if (!value) {
            return value.error();
        }
        scope.emplace_back(name, std::move(*value));
    }
    return scope;
}

Interpreter::Evaluated Interpreter::call_macro(const Macro& macro, const CallArguments& arguments) {
    const Depth deeper(depth_);
    auto scope = bind_parameters(macro, arguments);
    if (!scope) {
        return scope.error();
    }
    // The body sees where it was written, not where it is called.
    const auto seen = static_cast<std::ptrdiff_t>(std::min(macro.scopes, scopes_.size()));
    std::vector<Scope> hidden(
        std::make_move_iterator(scopes_.begin() + seen), std::make_move_iterator(scopes_.end())
    );
    scopes_.erase(scopes_.begin() + seen, scopes_.end());
    scopes_.push_back(std::move(*scope));
    Evaluated text = capture(macro.statement->body, {});
    scopes_.erase(scopes_.begin() + seen, scopes_.end());
    std::ranges::move(hidden, std::back_inserter(scopes_));
    return text;
}

Interpreter::Evaluated Interpreter::call_builtin(Builtin builtin, const CallArguments& arguments) {
    switch (builtin) {
        case Builtin::kRaiseException:
            return invalid(arguments.text(0, "message", "the template raised an exception"));
        case Builtin::kStrftimeNow:
            return budget_.text(format_now(arguments.text(0, "format", "")));
        case Builtin::kRange:
            return make_range(arguments);
        case Builtin::kNamespace:
            return make_namespace(arguments);
        case Builtin::kDict: {
            const Value* from = arguments.positional.empty() ? nullptr : arguments.positional.data();
            Dict dict = from != nullptr && from->dict() != nullptr ? *from->dict() : Dict{};
            for (const auto& [name, value] : arguments.named) {
                dict.members.emplace_back(name, value);
            }
            return budget_.dict(Dict{.members = std::move(dict.members)});
        }
    }
    return invalid("no such function");
}

Interpreter::Evaluated Interpreter::make_range(const CallArguments& arguments) {
    constexpr std::int64_t kItemsMax = 100'000;  // As in Jinja's sandbox.
    constexpr std::int64_t kBound = std::int64_t{1} << 40;
    const std::size_t count = arguments.positional.size();
    std::array<std::int64_t, 3> numbers = {0, 0, 1};
    for (std::size_t i = 0; i < count && i < 3; ++i) {
        const auto number = arguments.integer(i, "");
        if (!number || *number > kBound || *number < -kBound) {
            return invalid("range needs whole numbers that are not too large");
        }
        numbers[count == 1 ? 1 : i] = *number;
    }
    const auto [start, stop, step] = numbers;
    if (count < 1 || count > 3 || step == 0) {
        return invalid("range takes one to three numbers, and a step that is not zero");
    }
    const std::int64_t distance = step > 0 ? stop - start : start - stop;
    if (distance / (step > 0 ? step : -step) > kItemsMax) {
        return Error{ErrorCode::kTooLarge, fmt::format("a range has more than {} numbers", kItemsMax)};
    }
    List list;
    for (std::int64_t at = start; step > 0 ? at < stop : at > stop; at += step) {
        list.items.emplace_back(at);
    }
    return budget_.list(std::move(list));
}

Interpreter::Evaluated Interpreter::make_namespace(const CallArguments& arguments) {
    Namespace& made = namespaces_.emplace_back();
    if (!arguments.positional.empty() && arguments.positional[0].dict() != nullptr) {
        made.members = arguments.positional[0].dict()->members;
    }
    for (const auto& [name, value] : arguments.named) {
        made.members.emplace_back(name, value);
    }
    return Value(&made);
}

}  // namespace capstan::text::jinja
