// The main of this test program: called as `… engine --model DIR …` it is an engine, so that tests can start
// real engines; otherwise it runs the tests.

#include <cstdio>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "serving/engine_command.h"

namespace capstan::serving {
namespace {

int run(int argc, char** argv) {
    EngineCommand command;
    for (int i = 2; i + 1 < argc; i += 2) {
        const std::string_view name = argv[i];
        const std::string value = argv[i + 1];
        if (name == "--model") {
            command.model = value;
        } else if (name == "--name") {
            command.name = value;
        } else if (name == "--threads") {
            command.threads = std::stoi(value);
        } else if (name == "--quantize") {
            command.quantize = value;
        } else if (name == "--port-file") {
            command.port_file = value;
        } else if (name == "--address") {
            command.address = value;
        } else if (name == "--url-file") {
            command.url_file = value;
        } else if (name == "--pooling") {
            command.pooling = value;
        } else if (name == "--adapter") {
            const std::size_t equals = value.find('=');
            command.adapters[value.substr(0, equals)] = value.substr(equals + 1);
        } else {
            std::fprintf(stderr, "no argument %s\n", argv[i]);
            return 2;
        }
    }
    const auto ran = run_engine(command);
    if (!ran) {
        std::fprintf(stderr, "%s\n", ran.error().message.c_str());
        return exit_code_of(ran.error().code);
    }
    return 0;
}

}  // namespace
}  // namespace capstan::serving

int main(int argc, char** argv) {
    if (argc > 1 && std::string_view(argv[1]) == "engine") {
        return capstan::serving::run(argc, argv);
    }
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
