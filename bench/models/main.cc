// Writes a GGUF file of a Llama model with random weights, for benchmarks of this engine and of others.

#include <string_view>

#include <fmt/format.h>

#include "engine/files/random_gguf.h"

int main(int count, char** arguments) {
    using namespace capstan::engine;
    if (count == 4) {
        const auto shape = find_llama_shape(arguments[1]);
        const auto mixture = parse_mixture(arguments[2]);
        if (shape && mixture) {
            const auto written = write_random_gguf(arguments[3], {.shape = *shape, .mixture = *mixture});
            if (!written) {
                fmt::print(stderr, "{}\n", written.error().message);
                return capstan::exit_code_of(written.error().code);
            }
            return 0;
        }
    }
    fmt::print(
        stderr,
        "usage: capstan_random_gguf SHAPE TYPE FILE\n"
        "  SHAPE  15M, 110M or 1.2B\n"
        "  TYPE   F16, BF16, Q8_0, Q4_0 or Q4_K_M\n"
    );
    return 2;
}
