// AMX's products are the scalar ones to the bit. Where the processor or the system has no AMX, each of its
// instructions traps, and the handler here does what Intel's manual says of it: the very machine code is
// tested.

#if defined(__x86_64__)

#include <bit>
#include <cmath>
#include <csignal>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>
#include <ucontext.h>

#include "engine/kernels/fuzz_choices.h"
#include "engine/kernels/linear.h"

namespace capstan::engine::kernels {
namespace {

struct Tile {
    std::uint8_t bytes[16][64];
};

// The state of the one thread that computes.
struct Tiles {
    std::uint8_t config[64];  // As LDTILECFG reads it.
    Tile tiles[8];
    std::int64_t products;  // How often tiles were multiplied.

    int row_bytes(int tile) const { return config[16 + 2 * tile] | config[17 + 2 * tile] << 8; }

    int rows(int tile) const { return config[48 + tile]; }
};

Tiles emulated = {};

// An instruction of AMX: VEX in three bytes, an opcode, and what it works on.
class Instruction {
public:
    Instruction(const std::uint8_t* at, greg_t* registers) : at_(at), registers_(registers) {}

    bool is_amx() const {
        const bool is_known = opcode() == 0x49 || opcode() == 0x4B || opcode() == 0x5E;
        return at_[0] == 0xC4 && (at_[1] & 31) == 2 && is_known;
    }

    int opcode() const { return at_[3]; }

    int prefix() const { return at_[2] & 3; }  // 1: 66, 2: F3, 3: F2.

    bool has_memory() const { return at_[4] >> 6 != 3; }

    int reg() const { return at_[4] >> 3 & 7; }

    int rm() const { return at_[4] & 7; }

    int third() const { return ~at_[2] >> 3 & 7; }  // VEX.vvvv

    // Of LDTILECFG, TILELOADD and TILESTORED.
    std::uint8_t* address() const {
        const std::int64_t base = rm() == 4 ? value_of((at_[5] & 7) | (at_[1] & 0x20 ? 0 : 8))
                                            : value_of(rm() | (at_[1] & 0x20 ? 0 : 8));
        const int mode = at_[4] >> 6;
        const bool is_absolute = mode == 0 && (rm() == 5 || (rm() == 4 && (at_[5] & 7) == 5));
        const std::int64_t next = reinterpret_cast<std::int64_t>(at_) + length();
        const std::int64_t from = !is_absolute ? base : rm() == 5 ? next : 0;
        return reinterpret_cast<std::uint8_t*>(from + displacement());
    }

    // From row to row: the index register.
    std::int64_t stride() const {
        const int index = (at_[5] >> 3 & 7) | (at_[1] & 0x40 ? 0 : 8);
        return index == 4 ? 0 : value_of(index) << (at_[5] >> 6);
    }

    int length() const { return 5 + (has_memory() && rm() == 4 ? 1 : 0) + displacement_bytes(); }

private:
    std::int64_t value_of(int number) const {
        constexpr int kOrder[16] = {
            REG_RAX,
            REG_RCX,
            REG_RDX,
            REG_RBX,
            REG_RSP,
            REG_RBP,
            REG_RSI,
            REG_RDI,
            REG_R8,
            REG_R9,
            REG_R10,
            REG_R11,
            REG_R12,
            REG_R13,
            REG_R14,
            REG_R15
        };
        return registers_[kOrder[number]];
    }

    int displacement_bytes() const {
        const int mode = at_[4] >> 6;
        const bool is_absolute = rm() == 5 || (rm() == 4 && (at_[5] & 7) == 5);
        return mode == 1 ? 1 : mode == 2 || (mode == 0 && is_absolute) ? 4 : 0;
    }

    std::int64_t displacement() const {
        const std::uint8_t* from = at_ + 5 + (rm() == 4 ? 1 : 0);
        if (displacement_bytes() == 1) {
            return static_cast<std::int8_t>(*from);
        }
        std::int32_t value = 0;
        std::memcpy(&value, from, static_cast<std::size_t>(displacement_bytes()));
        return value;
    }

    const std::uint8_t* at_;
    greg_t* registers_;
};

void move_tile(const Instruction& instruction) {
    Tile& tile = emulated.tiles[instruction.reg()];
    const bool is_store = instruction.prefix() == 2;
    const auto bytes = static_cast<std::size_t>(emulated.row_bytes(instruction.reg()));
    if (!is_store) {
        tile = {};
    }
    for (int row = 0; row < emulated.rows(instruction.reg()); ++row) {
        std::uint8_t* memory = instruction.address() + row * instruction.stride();
        if (is_store) {
            std::memcpy(memory, tile.bytes[row], bytes);
        } else {
            std::memcpy(tile.bytes[row], memory, bytes);
        }
    }
}

void multiply_tiles(const Instruction& instruction) {
    const bool first_is_signed = instruction.prefix() >= 2;         // TDPBSSD and TDPBSUD
    const bool second_is_signed = (instruction.prefix() & 1) != 0;  // TDPBSSD and TDPBUSD
    Tile& sums = emulated.tiles[instruction.reg()];
    const Tile& first = emulated.tiles[instruction.rm()];
    const Tile& second = emulated.tiles[instruction.third()];
    for (int row = 0; row < emulated.rows(instruction.reg()); ++row) {
        for (int column = 0; column < emulated.row_bytes(instruction.reg()) / 4; ++column) {
            std::int32_t sum;
            std::memcpy(&sum, sums.bytes[row] + column * 4, 4);
            for (int k = 0; k < emulated.row_bytes(instruction.rm()); ++k) {
                const int a = first.bytes[row][k];
                const int b = second.bytes[k / 4][column * 4 + k % 4];
                sum += (first_is_signed ? static_cast<std::int8_t>(a) : a) *
                       (second_is_signed ? static_cast<std::int8_t>(b) : b);
            }
            std::memcpy(sums.bytes[row] + column * 4, &sum, 4);
        }
    }
    ++emulated.products;
}

// Opcode 49: the configuration, and zeros.
void configure(const Instruction& instruction) {
    if (instruction.prefix() == 3) {
        emulated.tiles[instruction.reg()] = {};
    } else if (instruction.has_memory()) {
        std::memcpy(emulated.config, instruction.address(), sizeof emulated.config);
    } else {
        std::memset(emulated.config, 0, sizeof emulated.config);
    }
}

void on_illegal_instruction(int, siginfo_t*, void* context) {
    greg_t* registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    const Instruction instruction(reinterpret_cast<const std::uint8_t*>(registers[REG_RIP]), registers);
    if (!instruction.is_amx()) {
        std::signal(SIGILL, SIG_DFL);  // It is met again, and ends the process.
        return;
    }
    if (instruction.opcode() == 0x49) {
        configure(instruction);
    } else if (instruction.opcode() == 0x4B) {
        move_tile(instruction);
    } else {
        multiply_tiles(instruction);
    }
    registers[REG_RIP] += instruction.length();
}

// Whether the processor has AMX itself. Its products also use AVX-512: none without that, as of every version
// that a processor cannot run.
std::vector<bool> ways_to_run() {
    const LinearIsa best = supported_linear_isas().back();
    const bool has_amx = best == LinearIsa::kAmx;
    return has_amx || best == LinearIsa::kAvx512Vnni ? std::vector<bool>{has_amx} : std::vector<bool>{};
}

class AmxProducts : public testing::TestWithParam<bool> {
protected:
    void SetUp() override {
        if (!has_amx_) {
            struct sigaction action = {};
            action.sa_sigaction = on_illegal_instruction;
            action.sa_flags = SA_SIGINFO;
            sigaction(SIGILL, &action, &before_);
        }
    }

    void TearDown() override {
        if (!has_amx_) {
            sigaction(SIGILL, &before_, nullptr);
        }
    }

    static std::vector<float> product(
        const LinearTable& table, const PackedMatrix& matrix, const std::vector<float>& x, std::int64_t tokens
    ) {
        ThreadTeam team(1);
        Activations inputs(table);
        inputs.assign(x.data(), tokens, matrix.columns());
        std::vector<float> y(static_cast<std::size_t>(tokens * matrix.rows()), 9);
        multiply(matrix, inputs, y.data(), team);
        return y;
    }

    // How often tiles were multiplied for it; -1 where the processor does so unseen.
    std::int64_t expect_equal(DataType type, std::int64_t rows, std::int64_t columns, std::int64_t tokens) {
        const auto weights = choices_.bytes(bytes_of(type, rows * columns));
        ThreadTeam team(1);
        const PackedMatrix matrix = PackedMatrix::pack(
            {.data = weights.data(), .type = type, .rows = rows, .columns = columns}, team
        );
        const auto x = choices_.floats(tokens * columns);
        const auto expected = product(kScalarLinear, matrix, x, tokens);
        const std::int64_t before = emulated.products;
        const auto actual = product(kAmxLinear, matrix, x, tokens);
        for (std::size_t i = 0; i < expected.size(); ++i) {
            const bool are_equal =
                std::bit_cast<std::uint32_t>(actual[i]) == std::bit_cast<std::uint32_t>(expected[i]);
            EXPECT_TRUE(are_equal || (std::isnan(actual[i]) && std::isnan(expected[i])))
                << name_of(type) << " " << rows << " x " << columns << ", " << tokens << " inputs, element "
                << i << ": " << actual[i] << " for " << expected[i];
            if (testing::Test::HasFailure()) {
                break;
            }
        }
        return has_amx_ ? -1 : emulated.products - before;
    }

    static constexpr std::uint8_t kSeed[] = {1, 2, 3};
    Choices choices_{kSeed};
    const bool has_amx_ = GetParam();
    struct sigaction before_ = {};
};

TEST_P(AmxProducts, AreTheScalarBitsInEveryFormatOfBytes) {
    using enum DataType;
    for (const DataType type : {kQ8_0, kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ4K, kQ5K, kQ6K, kMxfp4}) {
        for (const auto& [rows, tokens] : {std::pair{16, 12}, {37, 30}, {5, 24}}) {
            const std::int64_t products = expect_equal(type, rows, 512, tokens);
            const std::int64_t groups = 512 / (type == kQ6K ? 16 : 32);
            EXPECT_TRUE(products == -1 || products == (rows + 15) / 16 * (tokens / 12) * groups) << products;
        }
    }
}

TEST_P(AmxProducts, GoOnWhereTheirRoomForUnpackedWeightsEnded) {
    expect_equal(DataType::kQ4K, 18, 2560, 13);
    expect_equal(DataType::kQ6K, 18, 1280, 13);
    expect_equal(DataType::kQ8_0, 18, 1056, 24);
    expect_equal(DataType::kQ5_0, 18, 1056, 25);
}

TEST_P(AmxProducts, LeaveFewInputsAndWideFormatsToAvx512) {
    EXPECT_LE(expect_equal(DataType::kQ4_0, 20, 64, 11), 0);
    EXPECT_LE(expect_equal(DataType::kBf16, 20, 64, 30), 0);
    EXPECT_LE(expect_equal(DataType::kF32, 20, 64, 30), 0);
}

TEST_P(AmxProducts, MayPassOverTheWeightsTwice) {
    expect_equal(DataType::kQ4_0, 16, 32, 265);
}

// Without AVX-512 VNNI none of it can run, emulated or not.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(AmxProducts);
INSTANTIATE_TEST_SUITE_P(ThisProcessor, AmxProducts, testing::ValuesIn(ways_to_run()), [](const auto& test) {
    return test.param ? "HasAmx" : "IsEmulating";
});

}  // namespace
}  // namespace capstan::engine::kernels

#endif
