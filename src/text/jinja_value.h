#pragma once

// Values of a template at work: Python's, as far as templates see them.
//
// Lists and dicts never change once made, so sharing them is safe and nothing can contain itself; namespaces
// change, and belong to the interpreter, not to values.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace capstan::text::jinja {

class Value;
struct Macro;      // jinja_interpreter.h
struct Loop;       // jinja_interpreter.h
struct Namespace;  // jinja_interpreter.h

struct Undefined {
    std::string name;  // What was looked for, for messages.
};

struct None {};

enum class Builtin { kRaiseException, kStrftimeNow, kRange, kNamespace, kDict };

struct List {
    std::vector<Value> items;
    bool is_tuple = false;  // Prints with parentheses.
    int depth = 1;          // Of lists and dicts in it; set by Value, as is the weight.
    std::size_t weight = 8;
};

struct Dict {
    std::vector<std::pair<std::string, Value>> members;  // In the order in which they came.
    int depth = 1;
    std::size_t weight = 8;

    const Value* find(std::string_view name) const;
};

class Value {
public:
    using Data = std::variant<
        Undefined,
        None,
        bool,
        std::int64_t,
        double,
        std::shared_ptr<const std::string>,
        std::shared_ptr<const List>,
        std::shared_ptr<const Dict>,
        Namespace*,
        const Loop*,
        const Macro*,
        Builtin>;

    Value() : data_(None{}) {}

    Value(Undefined undefined) : data_(std::move(undefined)) {}

    Value(bool value) : data_(value) {}

    Value(std::int64_t value) : data_(value) {}

    Value(double value) : data_(value) {}

    Value(std::string value) : data_(std::make_shared<const std::string>(std::move(value))) {}

    Value(std::string_view value) : Value(std::string(value)) {}

    Value(const char*) = delete;

    Value(List list);
    Value(Dict dict);

    Value(Namespace* value) : data_(value) {}

    Value(const Loop* value) : data_(value) {}

    Value(const Macro* value) : data_(value) {}

    Value(Builtin value) : data_(value) {}

    static Value from_json(const Json& json);

    template <typename T>
    const T* as() const {
        return std::get_if<T>(&data_);
    }

    const std::string* string() const { return shared<std::string>(); }

    const List* list() const { return shared<List>(); }

    const Dict* dict() const { return shared<Dict>(); }

    std::shared_ptr<const List> shared_list() const { return std::get<std::shared_ptr<const List>>(data_); }

    bool is_undefined() const { return as<Undefined>() != nullptr; }

    bool is_none() const { return as<None>() != nullptr; }

    // int, float or bool, which is a number in Python.
    bool is_number() const;
    double number() const;  // Of a number.

    const std::int64_t* integer() const { return as<std::int64_t>(); }

    bool truth() const;
    int depth() const;  // Of nested lists and dicts; 0 for the rest.
    // About how many bytes all of it prints, or takes to walk. What is shared counts each time.
    std::size_t weight() const;
    std::string_view type() const;  // Python's name of the type, for messages.

private:
    template <typename T>
    const T* shared() const {
        const auto* pointer = std::get_if<std::shared_ptr<const T>>(&data_);
        return pointer == nullptr ? nullptr : pointer->get();
    }

    Data data_;
};

// Lists and dicts nested deeper than this are not made, so that walking them may recurse.
inline constexpr int kValueDepthMax = 128;

bool equal(const Value& a, const Value& b);

// Below, equal or above 0 as Python orders `a` and `b`; kInvalid for types that it does not.
Result<int> compare(const Value& a, const Value& b);

// What `{{ value }}` prints: Python's str().
std::string to_text(const Value& value);

struct JsonStyle {
    int indent = -1;  // Below 0: one line.
    bool sort_keys = false;
    bool ascii_only = false;
    std::string item_separator = ", ";
    std::string key_separator = ": ";
};

// Python's json.dumps. kInvalid for what JSON has not, such as undefined; kTooLarge over `bytes_max`.
Result<std::string> to_json(const Value& value, const JsonStyle& style, std::size_t bytes_max);

}  // namespace capstan::text::jinja
