#include "platform/cli/table.h"

#include <gtest/gtest.h>

namespace capstan::cli {
namespace {

Json parsed(std::string_view text) {
    return parse_json(text).value();
}

TEST(Table, AlignsColumnsByCharactersNotBytes) {
    const Json items = parsed(R"([{"name":"é","n":1},{"name":"long","n":22}])");
    EXPECT_EQ(
        render_table(*items.as_array(), {{"NAME", "name"}, {"N", "n"}}),
        "NAME  N\n"
        "é     1\n"
        "long  22\n"
    );
}

TEST(Table, ReachesIntoMembersAndShowsADashForWhatIsMissing) {
    const Json item = parsed(R"({"latest":{"records":7}})");
    EXPECT_EQ(cell_text(item, "latest.records"), "7");
    EXPECT_EQ(cell_text(item, "latest.bytes"), "-");
    EXPECT_EQ(cell_text(item, "other.bytes.deep"), "-");
}

TEST(Table, CutsLongCellsAndKeepsThemOnOneLine) {
    const Json items =
        Json::array({Json::object({{"text", std::string(100, 'x')}}), Json::object({{"text", "a\nb"}})});
    const std::string table = render_table(*items.as_array(), {{"TEXT", "text"}});
    EXPECT_NE(table.find(std::string(59, 'x') + "…\n"), std::string::npos);
    EXPECT_NE(table.find("a b\n"), std::string::npos);
}

TEST(Table, PrintsMembersWithContainersAsJson) {
    EXPECT_EQ(
        render_members(parsed(R"({"id":"x","rate":0.5,"tags":[1]})")), "id: x\nrate: 0.5\ntags: [\n  1\n]\n"
    );
}

}  // namespace
}  // namespace capstan::cli
