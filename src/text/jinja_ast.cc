#include "text/jinja_ast.h"

#include <algorithm>

namespace capstan::text::jinja {
namespace {

int deepest(std::initializer_list<const ExpressionPointer*> children) {
    int depth = 0;
    for (const ExpressionPointer* child : children) {
        depth = std::max(depth, *child ? (*child)->depth : 0);
    }
    return depth;
}

int deepest(const std::vector<ExpressionPointer>& children) {
    int depth = 0;
    for (const ExpressionPointer& child : children) {
        depth = std::max(depth, deepest({&child}));
    }
    return depth;
}

template <typename Name>
int deepest(const std::vector<std::pair<Name, ExpressionPointer>>& children) {
    int depth = 0;
    for (const auto& [name, child] : children) {
        depth = std::max(depth, deepest({&child}));
    }
    return depth;
}

int deepest(const Arguments& arguments) {
    return std::max(deepest(arguments.positional), deepest(arguments.named));
}

struct DepthBelow {
    int operator()(const Literal&) const { return 0; }

    int operator()(const NameUse&) const { return 0; }

    int operator()(const ListLiteral& list) const { return deepest(list.items); }

    int operator()(const DictLiteral& dict) const {
        int depth = deepest(dict.members);
        for (const auto& [name, value] : dict.members) {
            depth = std::max(depth, deepest({&name}));
        }
        return depth;
    }

    int operator()(const AttributeUse& use) const { return deepest({&use.object}); }

    int operator()(const IndexUse& use) const { return deepest({&use.object, &use.index}); }

    int operator()(const SliceUse& use) const {
        return deepest({&use.object, &use.start, &use.stop, &use.step});
    }

    int operator()(const CallUse& use) const {
        return std::max(deepest({&use.callee}), deepest(use.arguments));
    }

    int operator()(const FilterUse& use) const {
        return std::max(deepest({&use.input}), deepest(use.arguments));
    }

    int operator()(const TestUse& use) const {
        return std::max(deepest({&use.input}), deepest(use.arguments));
    }

    int operator()(const Unary& unary) const { return deepest({&unary.operand}); }

    int operator()(const Binary& binary) const { return deepest({&binary.left, &binary.right}); }

    int operator()(const ComparisonChain& chain) const {
        return std::max(deepest({&chain.first}), deepest(chain.rest));
    }

    int operator()(const Conditional& conditional) const {
        return deepest({&conditional.then, &conditional.condition, &conditional.otherwise});
    }
};

}  // namespace

ExpressionPointer make_expression(int line, ExpressionNode node) {
    const int depth = 1 + std::visit(DepthBelow{}, node);
    return std::make_unique<Expression>(Expression{.line = line, .depth = depth, .node = std::move(node)});
}

}  // namespace capstan::text::jinja
