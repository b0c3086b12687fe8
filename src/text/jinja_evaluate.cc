// The expressions of Interpreter.

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "text/jinja_filters.h"
#include "text/jinja_interpreter.h"
#include "text/jinja_operators.h"

namespace capstan::text::jinja {
namespace {

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

Value loop_attribute(const Loop& loop, std::string_view name) {
    const auto& items = loop.items->items;
    const auto length = static_cast<std::int64_t>(items.size());
    const auto index = static_cast<std::int64_t>(loop.index);
    const std::array<std::pair<std::string_view, std::int64_t>, 7> numbers = {{
        {"index0", index},
        {"index", index + 1},
        {"revindex0", length - index - 1},
        {"revindex", length - index},
        {"length", length},
        {"depth", 1},
        {"depth0", 0},
    }};
    for (const auto& [known, value] : numbers) {
        if (known == name) {
            return value;
        }
    }
    if (name == "first" || name == "last") {
        return Value(name == "first" ? index == 0 : index + 1 == length);
    }
    if (name == "previtem" && index > 0) {
        return items[loop.index - 1];
    }
    if (name == "nextitem" && index + 1 < length) {
        return items[loop.index + 1];
    }
    return Undefined{fmt::format("loop.{}", name)};
}

}  // namespace

Interpreter::Evaluated Interpreter::evaluate(const Expression& expression) {
    const Depth deeper(depth_);
    auto charged = budget_.charge(1);
    if (charged && depth_ > kDepthMax) {
        charged = Error{ErrorCode::kTooLarge, "the template nests too deeply"};
    }
    Evaluated value = charged ? std::visit([this](const auto& node) { return visit(node); }, expression.node)
                              : Evaluated(charged.error());
    if (!value) {
        return located(expression.line, value.error());
    }
    return value;
}

Interpreter::Evaluated Interpreter::evaluate(const ExpressionPointer& expression, const Value& otherwise) {
    return expression ? evaluate(*expression) : Evaluated(otherwise);
}

Interpreter::Evaluated Interpreter::visit(const Literal& literal) {
    return literal.value;
}

Value Interpreter::lookup(std::string_view name) const {
    for (std::size_t i = scopes_.size(); i > 0; --i) {
        for (const auto& [known, value] : scopes_[i - 1]) {
            if (known == name) {
                return value;
            }
        }
    }
    constexpr std::array<std::pair<std::string_view, Builtin>, 5> kBuiltins = {{
        {"raise_exception", Builtin::kRaiseException},
        {"strftime_now", Builtin::kStrftimeNow},
        {"range", Builtin::kRange},
        {"namespace", Builtin::kNamespace},
        {"dict", Builtin::kDict},
    }};
    for (const auto& [known, builtin] : kBuiltins) {
        if (known == name) {
            return builtin;
        }
    }
    return Undefined{std::string(name)};
}

Interpreter::Evaluated Interpreter::visit(const NameUse& use) {
    return lookup(use.name);
}

Interpreter::Evaluated Interpreter::visit(const ListLiteral& list) {
    List made{.items = {}, .is_tuple = list.is_tuple};
    for (const ExpressionPointer& item : list.items) {
        Evaluated value = evaluate(*item);
        if (!value) {
            return value;
        }
        made.items.push_back(std::move(*value));
    }
    return budget_.list(std::move(made));
}

Interpreter::Evaluated Interpreter::visit(const DictLiteral& dict) {
    Dict made;
    for (const auto& [name, member] : dict.members) {
        const Evaluated key = evaluate(*name);
        if (!key) {
            return key;
        }
        if (key->string() == nullptr) {
            return invalid(fmt::format("the names of a dict must be str, not {}", key->type()));
        }
        Evaluated value = evaluate(*member);
        if (!value) {
            return value;
        }
        const auto at =
            std::ranges::find(made.members, *key->string(), [](const auto& m) { return m.first; });
        if (at != made.members.end()) {
            at->second = std::move(*value);
        } else {
            made.members.emplace_back(*key->string(), std::move(*value));
        }
    }
    return budget_.dict(std::move(made));
}

Interpreter::Evaluated Interpreter::attribute_of(const Value& object, const std::string& name) {
    if (const Loop* const* loop = object.as<const Loop*>()) {
        return loop_attribute(**loop, name);
    }
    if (Namespace* const* space = object.as<Namespace*>()) {
        const auto& members = (*space)->members;
        const auto at = std::ranges::find(members, name, [](const auto& member) { return member.first; });
        return at == members.end() ? Value(Undefined{name}) : at->second;
    }
    return item_at(budget_, object, Value(name));
}

Interpreter::Evaluated Interpreter::visit(const AttributeUse& use) {
    const Evaluated object = evaluate(*use.object);
    return object ? attribute_of(*object, use.name) : object;
}

Interpreter::Evaluated Interpreter::visit(const IndexUse& use) {
    const Evaluated object = evaluate(*use.object);
    if (!object) {
        return object;
    }
    const Evaluated index = evaluate(*use.index);
    if (!index) {
        return index;
    }
    return index->string() != nullptr ? attribute_of(*object, *index->string())
                                      : item_at(budget_, *object, *index);
}

Interpreter::Evaluated Interpreter::visit(const SliceUse& use) {
    const Evaluated object = evaluate(*use.object);
    if (!object) {
        return object;
    }
    SliceValues bounds;
    for (const auto& [expression, bound] :
         {std::pair(&use.start, &bounds.start),
          std::pair(&use.stop, &bounds.stop),
          std::pair(&use.step, &bounds.step)}) {
        Evaluated value = evaluate(*expression, Value());
        if (!value) {
            return value;
        }
        *bound = std::move(*value);
    }
    return slice(budget_, *object, bounds);
}

Interpreter::Evaluated Interpreter::visit(const CallUse& use) {
    const auto* attribute = std::get_if<AttributeUse>(&use.callee->node);
    Evaluated object = attribute == nullptr ? evaluate(*use.callee) : evaluate(*attribute->object);
    if (!object) {
        return object;
    }
    const auto arguments = evaluate_arguments(use.arguments);
    if (!arguments) {
        return arguments.error();
    }
    if (attribute == nullptr) {
        return call(*object, *arguments);
    }
    if (has_method(*object, attribute->name)) {
        return call_method(budget_, *object, attribute->name, *arguments);
    }
    const Loop* const* loop = object->as<const Loop*>();
    if (loop != nullptr && attribute->name == "cycle" && !arguments->positional.empty()) {
        return arguments->positional[(*loop)->index % arguments->positional.size()];
    }
    const Evaluated callee = attribute_of(*object, attribute->name);
    if (callee && callee->is_undefined()) {
        return invalid(fmt::format("{} has no method '{}'", object->type(), attribute->name));
    }
    return callee ? call(*callee, *arguments) : callee;
}

Interpreter::Evaluated Interpreter::apply_filter(const FilterUse& use, const Value& input) {
    const Filter filter = find_filter(use.name);
    if (filter == nullptr) {
        return invalid(fmt::format("no filter is called '{}'", use.name));
    }
    const auto arguments = evaluate_arguments(use.arguments);
    return arguments ? filter(budget_, input, *arguments) : Evaluated(arguments.error());
}

Interpreter::Evaluated Interpreter::visit(const FilterUse& use) {
    const Evaluated input = evaluate(*use.input);
    return input ? apply_filter(use, *input) : input;
}

Interpreter::Evaluated Interpreter::visit(const TestUse& use) {
    const Evaluated input = evaluate(*use.input);
    if (!input) {
        return input;
    }
    const Test test = find_test(use.name);
    if (test == nullptr) {
        return invalid(fmt::format("no test is called '{}'", use.name));
    }
    const auto arguments = evaluate_arguments(use.arguments);
    if (!arguments) {
        return arguments.error();
    }
    const auto holds = test(budget_, *input, *arguments);
    return holds ? Evaluated(Value(*holds)) : Evaluated(holds.error());
}

Interpreter::Evaluated Interpreter::visit(const Unary& unary) {
    const Evaluated value = evaluate(*unary.operand);
    return value ? apply_unary(unary.operation, *value) : value;
}

Interpreter::Evaluated Interpreter::visit(const Binary& binary) {
    Evaluated left = evaluate(*binary.left);
    if (!left) {
        return left;
    }
    const bool is_and = binary.operation == BinaryOperator::kAnd;
    if (is_and || binary.operation == BinaryOperator::kOr) {
        return left->truth() == is_and ? evaluate(*binary.right) : left;
    }
    const Evaluated right = evaluate(*binary.right);
    return right ? apply_binary(budget_, binary.operation, *left, *right) : right;
}

Interpreter::Evaluated Interpreter::visit(const ComparisonChain& chain) {
    Evaluated left = evaluate(*chain.first);
    for (const auto& [comparison, expression] : chain.rest) {
        if (!left) {
            break;
        }
        Evaluated right = evaluate(*expression);
        if (!right) {
            return right;
        }
        const auto holds = apply_comparison(budget_, comparison, *left, *right);
        if (!holds) {
            return holds.error();
        }
        if (!*holds) {
            return Value(false);
        }
        left = std::move(right);
    }
    return left ? Evaluated(Value(true)) : left;
}

Interpreter::Evaluated Interpreter::visit(const Conditional& conditional) {
    const Evaluated condition = evaluate(*conditional.condition);
    if (!condition) {
        return condition;
    }
    return condition->truth() ? evaluate(*conditional.then)
                              : evaluate(conditional.otherwise, Undefined{"the else of an inline if"});
}

}  // namespace capstan::text::jinja
