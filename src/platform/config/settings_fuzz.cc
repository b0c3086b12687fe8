// Fuzzes the reading of settings: any text as the file, a variable and a flag gives settings within their
// rules or an error with a reason, and what came in as a secret never comes out.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "platform/config/settings.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace capstan;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    bool flag = false;
    int port = 80;
    double rate = 0.5;
    std::string key;
    std::vector<std::string> names;
    config::Settings settings;
    settings.boolean("a.flag", flag, {.help = "A flag"});
    settings.integer("a.port", port, {.help = "A port", .min = 1, .max = 65535});
    settings.number("rate", rate, {.help = "A rate", .min = 0, .max = 1});
    settings.text("b.key", key, {.help = "A key", .is_secret = true, .bytes_max = 100});
    settings.list("b.names", names, {.help = "Names"});
    const std::size_t cut = text.find('\n');
    const std::string first(text.substr(0, cut));
    config::Sources sources{
        .file = config::ConfigFile{.name = "fuzz", .text = std::string(text)}, .environment = {}, .flags = {}
    };
    sources.environment.emplace_back("CAPSTAN_A_PORT", first);
    if (auto assignment = config::parse_assignment(first)) {
        sources.flags.push_back(std::move(*assignment));
    }
    for (const bool with_file : {true, false}) {
        if (!with_file) {
            sources.file.reset();
        }
        const auto loaded = settings.load(sources);
        CHECK(loaded || !loaded.error().message.empty(), "a refusal has a reason");
        CHECK(port >= 1 && port <= 65535 && rate >= 0 && rate <= 1, "values keep their rules");
        CHECK(key.size() <= 100, "text keeps its limit");
        CHECK(parse_json(settings.describe().dump()), "what is in force prints as JSON");
    }
    return 0;
}
