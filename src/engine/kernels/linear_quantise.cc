#include "engine/kernels/linear_quantise.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace capstan::engine::kernels {
namespace {

constexpr std::int64_t code_bytes_of(InputForm form) {
    return form == InputForm::kInt16 ? 2 : 1;
}

// The largest magnitude; NaN when something is not finite.
float largest_of(const float* x, std::int64_t count) {
    float largest = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        if (!std::isfinite(x[i])) {
            return std::numeric_limits<float>::quiet_NaN();
        }
        largest = std::max(largest, std::fabs(x[i]));
    }
    return largest;
}

GroupTarget target_at(InputForm form, const InputBlock& block, std::int64_t group, std::int64_t token) {
    const std::int64_t at = group * block.tokens + token;
    GroupTarget target = {.form = form, .stride = block.tokens};
    target.codes = block.codes + at * kGroupColumns * code_bytes_of(form);
    target.scale = block.scales + at;
    if (form == InputForm::kInt8) {
        target.sum = block.sums + at;
        for (int i = 0; i < kOffsets; ++i) {
            const bool has_halves = i == static_cast<int>(Offset::kBy32);
            target.offsets[i] = block.offsets[i] + (has_halves ? group * 2 * block.tokens + token : at);
        }
    }
    return target;
}

}  // namespace

InputBlock block_at(const InputArrays& all, const BlockPlace& place) {
    InputBlock block;
    block.tokens = place.end - place.begin;
    if (place.form == InputForm::kFloat) {
        block.floats = all.floats + place.begin * place.columns;
        return block;
    }
    const std::int64_t groups = groups_of(place.columns) * place.begin;
    block.codes = all.codes + groups * kGroupColumns * code_bytes_of(place.form);
    block.scales = all.scales + groups;
    if (place.form == InputForm::kInt8) {
        block.sums = all.sums + groups;
        for (int i = 0; i < kOffsets; ++i) {
            const bool has_halves = i == static_cast<int>(Offset::kBy32);
            block.offsets[i] = all.offsets[i] + (has_halves ? groups * 2 : groups);
        }
    }
    return block;
}

void put_sums(float scale, std::int32_t first, std::int32_t second, const GroupTarget& to) {
    const std::int32_t sum = first + second;
    *to.sum = scale * static_cast<float>(sum);
    *to.offsets[static_cast<int>(Offset::kBy128)] = -128 * sum;
    *to.offsets[static_cast<int>(Offset::kBy8)] = -8 * sum;
    *to.offsets[static_cast<int>(Offset::kBy16)] = -16 * sum;
    std::int32_t* halves = to.offsets[static_cast<int>(Offset::kBy32)];
    halves[0] = -32 * first;
    halves[to.stride] = -32 * second;
}

void quantise_group(const float* x, std::int64_t count, const GroupTarget& to) {
    const float largest = largest_of(x, count);
    const float code_max = to.form == InputForm::kInt8 ? kInt8Max : kInt16Max;
    const bool has_codes = largest >= kLeastInput;
    const float inverse = has_codes ? code_max / largest : 0.0F;
    const float scale = has_codes || std::isnan(largest) ? largest / code_max : 0.0F;
    std::int32_t sums[2] = {};
    for (std::int64_t i = 0; i < kGroupColumns; ++i) {
        const float code = has_codes && i < count ? std::nearbyint(x[i] * inverse) : 0.0F;
        const auto whole = static_cast<std::int16_t>(code);
        sums[i / 16] += whole;
        if (to.form == InputForm::kInt8) {
            to.codes[i] = static_cast<std::byte>(whole);
        } else {
            std::memcpy(to.codes + i * 2, &whole, sizeof whole);
        }
    }
    *to.scale = scale;
    if (to.form == InputForm::kInt8) {
        put_sums(scale, sums[0], sums[1], to);
    }
}

void quantise_blocks(
    const QuantiseWork& work,
    std::int64_t block_tokens,
    void (*quantise)(const float* x, std::int64_t count, const GroupTarget& to)
) {
    for (std::int64_t token = work.token_begin; token < work.token_end; ++token) {
        const std::int64_t begin = token / block_tokens * block_tokens;
        const InputBlock block = block_at(
            work.to,
            {.form = work.form,
             .columns = work.columns,
             .begin = begin,
             .end = std::min(begin + block_tokens, work.tokens)}
        );
        const float* x = work.x + token * work.columns;
        const std::int64_t inside = token - begin;
        if (work.form == InputForm::kFloat) {
            for (std::int64_t column = 0; column < work.columns; ++column) {
                block.floats[column * block.tokens + inside] = x[column];
            }
            continue;
        }
        for (std::int64_t group = 0; group < groups_of(work.columns); ++group) {
            const std::int64_t column = group * kGroupColumns;
            const std::int64_t count = std::min(kGroupColumns, work.columns - column);
            quantise(x + column, count, target_at(work.form, block, group, inside));
        }
    }
}

}  // namespace capstan::engine::kernels
