#include "engine/grammar/json_pieces.h"

namespace capstan::engine {
namespace {

constexpr std::int32_t kIndentMax = 20;

CharacterSet hex() {
    return {{'0', '9'}, {'A', 'F'}, {'a', 'f'}};
}

}  // namespace

template <typename Body>
ExpressionId JsonPieces::once(Rule& rule, std::string_view name, const Body& body) {
    if (!rule) {
        rule = builder_.declare(name);  // First, so that the body may call it.
        builder_.define(*rule, body());
    }
    return builder_.call(*rule);
}

ExpressionId JsonPieces::space() {
    return once(space_, "space", [this] {
        const auto indent = builder_.repeat(builder_.characters({{'\t', '\t'}, {' ', ' '}}), 0, kIndentMax);
        return builder_.choice(
            {builder_.empty(), builder_.literal(" "), builder_.sequence({builder_.literal("\n"), indent})}
        );
    });
}

ExpressionId JsonPieces::comma() {
    return builder_.sequence({builder_.literal(","), space()});
}

ExpressionId JsonPieces::colon() {
    return builder_.sequence({builder_.literal(":"), space()});
}

ExpressionId JsonPieces::character() {
    const auto digit = [this](CharacterSet set) { return builder_.characters(std::move(set)); };
    const auto plain = builder_.characters(CharacterSet({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}}).complement());
    const auto control = builder_.characters(
        {{'"', '"'}, {'/', '/'}, {'\\', '\\'}, {'b', 'b'}, {'f', 'f'}, {'n', 'n'}, {'r', 'r'}, {'t', 't'}}
    );
    const CharacterSet d = {{'D', 'D'}, {'d', 'd'}};
    const auto single = builder_.choice(
        {builder_.sequence({digit(hex().without(d)), builder_.repeat(digit(hex()), 3, 3)}),
         builder_.sequence({digit(d), digit({{'0', '7'}}), builder_.repeat(digit(hex()), 2, 2)})}
    );
    const auto pair = builder_.sequence(
        {digit(d),
         digit({{'8', '9'}, {'A', 'B'}, {'a', 'b'}}),
         builder_.repeat(digit(hex()), 2, 2),
         builder_.literal("\\u"),
         digit(d),
         digit({{'C', 'F'}, {'c', 'f'}}),
         builder_.repeat(digit(hex()), 2, 2)}
    );
    const auto unicode = builder_.sequence({builder_.literal("u"), builder_.choice({single, pair})});
    return builder_.choice(
        {plain, builder_.sequence({builder_.literal("\\"), builder_.choice({control, unicode})})}
    );
}

ExpressionId JsonPieces::string() {
    return once(string_, "string", [this] {
        const auto quote = builder_.literal("\"");
        return builder_.sequence({quote, builder_.repeat(character(), 0, -1), quote});
    });
}

ExpressionId JsonPieces::integer() {
    return once(integer_, "integer", [this] {
        const auto digits = builder_.sequence(
            {builder_.characters({{'1', '9'}}), builder_.repeat(builder_.characters({{'0', '9'}}), 0, 17)}
        );
        return builder_.choice(
            {builder_.literal("0"), builder_.sequence({builder_.optional(builder_.literal("-")), digits})}
        );
    });
}

ExpressionId JsonPieces::number() {
    return once(number_, "number", [this] {
        const auto digit = builder_.characters({{'0', '9'}});
        const auto whole = builder_.choice(
            {builder_.literal("0"),
             builder_.sequence({builder_.characters({{'1', '9'}}), builder_.repeat(digit, 0, 17)})}
        );
        const auto fraction =
            builder_.optional(builder_.sequence({builder_.literal("."), builder_.repeat(digit, 1, 16)}));
        const auto exponent = builder_.optional(builder_.sequence(
            {builder_.characters({{'E', 'E'}, {'e', 'e'}}),
             builder_.optional(builder_.characters({{'+', '+'}, {'-', '-'}})),
             builder_.repeat(digit, 1, 2)}
        ));
        return builder_.sequence({builder_.optional(builder_.literal("-")), whole, fraction, exponent});
    });
}

ExpressionId JsonPieces::boolean() {
    return builder_.choice({builder_.literal("true"), builder_.literal("false")});
}

ExpressionId JsonPieces::null() {
    return builder_.literal("null");
}

ExpressionId JsonPieces::value() {
    return once(value_, "value", [this] {
        return builder_.choice({string(), number(), boolean(), null(), object(), array()});
    });
}

ExpressionId JsonPieces::object() {
    return once(object_, "object", [this] {
        const auto member = [this] { return builder_.sequence({string(), colon(), value()}); };
        const auto more = builder_.repeat(builder_.sequence({comma(), member()}), 0, -1);
        return bracketed("{", builder_.optional(builder_.sequence({member(), more})), "}");
    });
}

ExpressionId JsonPieces::array() {
    return once(array_, "array", [this] {
        const auto more = builder_.repeat(builder_.sequence({comma(), value()}), 0, -1);
        return bracketed("[", builder_.optional(builder_.sequence({value(), more})), "]");
    });
}

ExpressionId JsonPieces::literal(const Json& value) {
    return builder_.literal(value.dump());
}

ExpressionId JsonPieces::bracketed(std::string_view open, ExpressionId inner, std::string_view close) {
    return builder_.sequence({builder_.literal(open), space(), inner, space(), builder_.literal(close)});
}

}  // namespace capstan::engine
