#pragma once

// Runs a program: statements to text, expressions to values.

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja_ast.h"
#include "text/jinja_budget.h"

namespace capstan::text::jinja {

struct Macro {
    const MacroStatement* statement = nullptr;
    std::size_t scopes = 0;  // How many, from the outermost, its body sees.
};

struct Loop {
    std::shared_ptr<const List> items;
    std::size_t index = 0;
};

struct Namespace {
    std::vector<std::pair<std::string, Value>> members;
};

class Interpreter {
public:
    // All outlive this.
    Interpreter(const Program& program, const Json& context, RenderLimits limits);

    Result<std::string> run();

private:
    static constexpr int kDepthMax = 900;  // Some frames each, on a stack of 8 MiB.

    enum class Flow { kNext, kBreak, kContinue };

    using Scope = std::vector<std::pair<std::string, Value>>;
    using Ran = Result<Flow>;
    using Evaluated = Result<Value>;

    // Goes one level deeper while it lives.
    class Depth {
    public:
        explicit Depth(int& depth) : depth_(depth) { depth_ += 1; }

        ~Depth() { depth_ -= 1; }

        Depth(const Depth&) = delete;
        Depth& operator=(const Depth&) = delete;

    private:
        int& depth_;
    };

    // Statements: jinja_interpreter.cc.
    Ran run_body(const Body& body);
    Ran run(const TextStatement& statement);
    Ran run(const OutputStatement& statement);
    Ran run(const IfStatement& statement);
    Ran run(const ForStatement& statement);
    Ran run(const SetStatement& statement);
    Ran run(const SetBlockStatement& statement);
    Ran run(const MacroStatement& statement);
    Ran run(const CallStatement& statement);
    Ran run(const FilterStatement& statement);
    Ran run(const BodyStatement& statement);
    Ran run(const DoStatement& statement);
    Ran run(BreakStatement statement);
    Ran run(ContinueStatement statement);
    Result<void> write(std::string_view text);
    Result<Value> capture(const Body& body, const std::vector<FilterUse>& filters);
    Result<std::shared_ptr<const List>> loop_items(const ForStatement& statement);
    Result<void> bind(const std::vector<std::string>& names, const Value& value);
    Result<void> set_attribute(const std::string& name, const std::string& attribute, Value value);
    void set(std::string_view name, Value value);

    // Expressions: jinja_evaluate.cc, and their calls: jinja_calls.cc.
    Evaluated evaluate(const Expression& expression);
    Evaluated evaluate(const ExpressionPointer& expression, const Value& otherwise);
    Evaluated visit(const Literal& literal);
    Evaluated visit(const NameUse& use);
    Evaluated visit(const ListLiteral& list);
    Evaluated visit(const DictLiteral& dict);
    Evaluated visit(const AttributeUse& use);
    Evaluated visit(const IndexUse& use);
    Evaluated visit(const SliceUse& use);
    Evaluated visit(const CallUse& use);
    Evaluated visit(const FilterUse& use);
    Evaluated visit(const TestUse& use);
    Evaluated visit(const Unary& unary);
    Evaluated visit(const Binary& binary);
    Evaluated visit(const ComparisonChain& chain);
    Evaluated visit(const Conditional& conditional);
    Evaluated apply_filter(const FilterUse& use, const Value& input);
    Evaluated attribute_of(const Value& object, const std::string& name);
    Evaluated call(const Value& callee, const CallArguments& arguments);
    Evaluated call_macro(const Macro& macro, const CallArguments& arguments);
    Evaluated call_builtin(Builtin builtin, const CallArguments& arguments);
    Evaluated make_range(const CallArguments& arguments);
    Evaluated make_namespace(const CallArguments& arguments);
    Result<CallArguments> evaluate_arguments(const Arguments& arguments);
    Result<Scope> bind_parameters(const Macro& macro, const CallArguments& arguments);
    Value lookup(std::string_view name) const;
    Error located(int line, Error error);

    const Program& program_;
    Budget budget_;
    std::vector<Scope> scopes_;
    std::string* out_ = nullptr;  // Where statements write.
    int depth_ = 0;               // Of bodies and expressions within one another.
    bool is_located_ = false;     // Whether the error on its way names its line.
    std::deque<Loop> loops_;      // Values point to these, so they stay until the end.
    std::deque<Macro> macros_;
    std::deque<Namespace> namespaces_;
};

}  // namespace capstan::text::jinja
