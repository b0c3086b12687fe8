#include "text/jinja_interpreter.h"

#include <algorithm>

#include <fmt/format.h>

#include "text/jinja_filters.h"
#include "text/jinja_lexer.h"

namespace capstan::text::jinja {
Interpreter::Interpreter(const Program& program, const Json& context, RenderLimits limits)
    : program_(program), budget_(limits) {
    Scope& outermost = scopes_.emplace_back();
    if (const Json::Object* members = context.as_object()) {
        for (const auto& [name, value] : *members) {
            outermost.emplace_back(name, Value::from_json(value));
        }
    }
}

Result<std::string> Interpreter::run() {
    std::string out;
    out_ = &out;
    if (auto ran = run_body(program_.body); !ran) {
        return ran.error();
    }
    return out;
}

Error Interpreter::located(int line, Error error) {
    if (is_located_) {
        return error;
    }
    is_located_ = true;
    return {error.code, error_at(line, error.message).message};
}

Interpreter::Ran Interpreter::run_body(const Body& body) {
    const Depth deeper(depth_);
    for (const Statement& statement : body) {
        if (depth_ > kDepthMax) {
            return located(statement.line, {ErrorCode::kTooLarge, "the template nests too deeply"});
        }
        auto charged = budget_.charge(1);
        Ran ran = charged ? std::visit([this](const auto& node) { return run(node); }, statement.node)
                          : Ran(charged.error());
        if (!ran) {
            return located(statement.line, ran.error());
        }
        if (*ran != Flow::kNext) {
            return ran;
        }
    }
    return Flow::kNext;
}

Result<void> Interpreter::write(std::string_view text) {
    if (out_->size() + text.size() > budget_.bytes_max()) {
        return Error{
            ErrorCode::kTooLarge, fmt::format("the output has more than {} bytes", budget_.bytes_max())
        };
    }
    out_->append(text);
    return budget_.charge(text.size() / 16);
}

Interpreter::Ran Interpreter::run(const TextStatement& statement) {
    auto written = write(statement.text);
    return written ? Ran(Flow::kNext) : Ran(written.error());
}

Interpreter::Ran Interpreter::run(const OutputStatement& statement) {
    const Evaluated value = evaluate(*statement.value);
    if (!value) {
        return value.error();
    }
    if (auto charged = budget_.charge_walk(*value); !charged) {
        return charged.error();
    }
    auto written = value->string() != nullptr ? write(*value->string()) : write(to_text(*value));
    return written ? Ran(Flow::kNext) : Ran(written.error());
}

Interpreter::Ran Interpreter::run(const IfStatement& statement) {
    for (const auto& [condition, body] : statement.branches) {
        const Evaluated value = evaluate(*condition);
        if (!value) {
            return value.error();
        }
        if (value->truth()) {
            return run_body(body);
        }
    }
    return run_body(statement.otherwise);
}

Result<std::shared_ptr<const List>> Interpreter::loop_items(const ForStatement& statement) {
    const Evaluated source = evaluate(*statement.items);
    if (!source) {
        return source.error();
    }
    auto items = items_of(budget_, *source);
    if (!items || !statement.condition) {
        return items;
    }
    List kept;
    for (const Value& item : (*items)->items) {
        scopes_.emplace_back();
        auto bound = bind(statement.names, item);
        const Evaluated wanted = bound ? evaluate(*statement.condition) : Evaluated(bound.error());
        scopes_.pop_back();
        if (!wanted) {
            return wanted.error();
        }
        if (wanted->truth()) {
            kept.items.push_back(item);
        }
    }
    const auto list = budget_.list(std::move(kept));
    if (!list) {
        return list.error();
    }
    return list->shared_list();
}

Interpreter::Ran Interpreter::run(const ForStatement& statement) {
    const auto items = loop_items(statement);
    if (!items) {
        return items.error();
    }
    if ((*items)->items.empty()) {
        return run_body(statement.otherwise);
    }
    for (std::size_t i = 0; i < (*items)->items.size(); ++i) {
        loops_.push_back({.items = *items, .index = i});
        scopes_.emplace_back();
        set("loop", Value(&std::as_const(loops_).back()));
        auto bound = bind(statement.names, (*items)->items[i]);
        Ran ran = bound ? run_body(statement.body) : Ran(bound.error());
        scopes_.pop_back();
        if (!ran || *ran == Flow::kBreak) {
            return ran ? Ran(Flow::kNext) : ran;
        }
    }
    return Flow::kNext;
}

Result<void> Interpreter::bind(const std::vector<std::string>& names, const Value& value) {
    if (names.size() == 1) {
        set(names.front(), value);
        return {};
    }
    const auto items = items_of(budget_, value);
    if (!items) {
        return items.error();
    }
    if ((*items)->items.size() != names.size()) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("expected {} values to unpack, not {}", names.size(), (*items)->items.size())
        };
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
        set(names[i], (*items)->items[i]);
    }
    return {};
}

void Interpreter::set(std::string_view name, Value value) {
    Scope& scope = scopes_.back();
    const auto at =
        std::ranges::find(scope, name, [](const auto& variable) { return std::string_view(variable.first); });
    if (at != scope.end()) {
        at->second = std::move(value);
    } else {
        scope.emplace_back(name, std::move(value));
    }
}

Result<void> Interpreter::set_attribute(const std::string& name, const std::string& attribute, Value value) {
    if (attribute.empty()) {
        set(name, std::move(value));
        return {};
    }
    const Value object = lookup(name);
    Namespace* const* target = object.as<Namespace*>();
    if (target == nullptr) {
        return Error{
            ErrorCode::kInvalid, fmt::format("'{}' is no namespace: its attributes cannot be set", name)
        };
    }
    auto& members = (*target)->members;
    const auto at = std::ranges::find(members, attribute, [](const auto& member) { return member.first; });
    if (at != members.end()) {
        at->second = std::move(value);
    } else {
        members.emplace_back(attribute, std::move(value));
    }
    return {};
}

Interpreter::Ran Interpreter::run(const SetStatement& statement) {
    Evaluated value = evaluate(*statement.value);
    if (!value) {
        return value.error();
    }
    auto bound = statement.attribute.empty()
                     ? bind(statement.names, *value)
                     : set_attribute(statement.names.front(), statement.attribute, std::move(*value));
    return bound ? Ran(Flow::kNext) : Ran(bound.error());
}

Result<Value> Interpreter::capture(const Body& body, const std::vector<FilterUse>& filters) {
    std::string captured;
    std::string* const outer = std::exchange(out_, &captured);
    scopes_.emplace_back();
    const Ran ran = run_body(body);
    scopes_.pop_back();
    out_ = outer;
    if (!ran) {
        return ran.error();
    }
    Evaluated value = budget_.text(std::move(captured));
    for (const FilterUse& filter : filters) {
        if (!value) {
            break;
        }
        value = apply_filter(filter, *value);
    }
    return value;
}

Interpreter::Ran Interpreter::run(const SetBlockStatement& statement) {
    Evaluated value = capture(statement.body, statement.filters);
    if (!value) {
        return value.error();
    }
    auto set = set_attribute(statement.name, statement.attribute, std::move(*value));
    return set ? Ran(Flow::kNext) : Ran(set.error());
}

Interpreter::Ran Interpreter::run(const MacroStatement& statement) {
    macros_.push_back({.statement = &statement, .scopes = scopes_.size()});
    set(statement.name, Value(&std::as_const(macros_).back()));
    return Flow::kNext;
}

Interpreter::Ran Interpreter::run(const CallStatement& statement) {
    const auto& use = std::get<CallUse>(statement.call->node);
    const Evaluated callee = evaluate(*use.callee);
    if (!callee) {
        return callee.error();
    }
    auto arguments = evaluate_arguments(use.arguments);
    if (!arguments) {
        return arguments.error();
    }
    macros_.push_back({.statement = statement.caller.get(), .scopes = scopes_.size()});
    arguments->named.emplace_back("caller", Value(&std::as_const(macros_).back()));
    const Evaluated text = call(*callee, *arguments);
    if (!text) {
        return text.error();
    }
    auto written = write(to_text(*text));
    return written ? Ran(Flow::kNext) : Ran(written.error());
}

Interpreter::Ran Interpreter::run(const FilterStatement& statement) {
    const Evaluated value = capture(statement.body, statement.filters);
    if (!value) {
        return value.error();
    }
    if (auto charged = budget_.charge_walk(*value); !charged) {
        return charged.error();
    }
    auto written = write(to_text(*value));
    return written ? Ran(Flow::kNext) : Ran(written.error());
}

Interpreter::Ran Interpreter::run(const BodyStatement& statement) {
    scopes_.emplace_back();
    Ran ran = run_body(statement.body);
    scopes_.pop_back();
    return ran;
}

Interpreter::Ran Interpreter::run(const DoStatement& statement) {
    const Evaluated value = evaluate(*statement.value);
    return value ? Ran(Flow::kNext) : Ran(value.error());
}

Interpreter::Ran Interpreter::run(BreakStatement) {
    return Flow::kBreak;
}

Interpreter::Ran Interpreter::run(ContinueStatement) {
    return Flow::kContinue;
}

}  // namespace capstan::text::jinja
