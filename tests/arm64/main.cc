// Runs the kernels' fuzzers without a fuzzing engine: `main INPUTS VERSION…` gives INPUTS random inputs,
// always the same, to LLVMFuzzerTestOneInput, after a look at which versions (VERSION…, by number) this
// processor is said to run.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "engine/kernels/kernels.h"
#include "engine/kernels/linear_table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace capstan::engine::kernels;

bool are_supported(int count, char** versions) {
    const std::vector<LinearIsa> isas = supported_linear_isas();
    bool are_the_same = static_cast<int>(isas.size()) == count && best_linear_table().isa == isas.back();
    for (int i = 0; i < count && are_the_same; ++i) {
        are_the_same = static_cast<int>(isas[static_cast<std::size_t>(i)]) == std::atoi(versions[i]);
    }
    return are_the_same && best_kernels().isa == Isa::kNeon;
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 3 || !are_supported(count - 2, arguments + 2)) {
        std::fprintf(stderr, "this processor runs other versions than the test expects\n");
        return 1;
    }
    std::mt19937 random(5);
    const int inputs = std::atoi(arguments[1]);
    for (int i = 0; i < inputs; ++i) {
        std::vector<std::uint8_t> input(1 + random() % 24);
        for (std::uint8_t& byte : input) {
            byte = static_cast<std::uint8_t>(random());
        }
        LLVMFuzzerTestOneInput(input.data(), input.size());
    }
    std::printf("%d inputs\n", inputs);
}
