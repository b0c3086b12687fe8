// The reductions for NEON.

#if defined(__aarch64__)

#include "engine/kernels/reductions.h"
#include "engine/kernels/simd_neon.h"
#include "engine/kernels/vector_reductions.h"

namespace capstan::engine::kernels {
namespace {

struct LanesNeon : Neon {
    static Vector zero_where_below(Vector v, Vector x, Vector limit) {
        return {masked(vcgeq_f32(x.low, limit.low), v.low), masked(vcgeq_f32(x.high, limit.high), v.high)};
    }

    static std::uint32_t at_least(Vector v, Vector limit) {
        return bits_of(vcgeq_f32(v.low, limit.low)) | bits_of(vcgeq_f32(v.high, limit.high)) << 4;
    }

    static Vector where(std::uint32_t bits, Vector yes, Vector no) {
        const uint32x4_t all_bits = vdupq_n_u32(bits);
        return {
            vbslq_f32(vtstq_u32(all_bits, each(1)), yes.low, no.low),
            vbslq_f32(vtstq_u32(all_bits, each(16)), yes.high, no.high)
        };
    }

    static Vector either(Vector a, Vector b) { return {joined(a.low, b.low), joined(a.high, b.high)}; }

    static bool is_zero(Vector v) {
        const uint32x4_t zeros = vandq_u32(vceqzq_f32(v.low), vceqzq_f32(v.high));
        return vminvq_u32(zeros) != 0;
    }

private:
    static float32x4_t masked(uint32x4_t mask, float32x4_t v) {
        return vreinterpretq_f32_u32(vandq_u32(mask, vreinterpretq_u32_f32(v)));
    }

    static float32x4_t joined(float32x4_t a, float32x4_t b) {
        return vreinterpretq_f32_u32(vorrq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b)));
    }

    // Lane i has bit i, times `first`.
    static uint32x4_t each(std::uint32_t first) {
        const std::uint32_t bits[4] = {first, first * 2, first * 4, first * 8};
        return vld1q_u32(bits);
    }

    static std::uint32_t bits_of(uint32x4_t mask) { return vaddvq_u32(vandq_u32(mask, each(1))); }
};

}  // namespace

const ReductionTable kNeonReductions = kVectorReductions<LanesNeon>;

}  // namespace capstan::engine::kernels

#endif
