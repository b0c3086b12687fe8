// The attention kernels for NEON.

#if defined(__aarch64__)

#include "engine/kernels/attention_tables.h"
#include "engine/kernels/simd_neon.h"
#include "engine/kernels/vector_attention_span.h"
#include "engine/kernels/vector_kv_store.h"

namespace capstan::engine::kernels {
namespace {

struct AttentionNeon : Neon {
    static constexpr std::int64_t kQueries = 2;  // 2 × 4 sums and 4 keys, in pairs, and 2 queries.

    // kWidth elements from `index`, a multiple of kWidth, on.
    template <KvType kType>
    static Vector elements(const std::byte* from, std::int64_t index) {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(from);
        if constexpr (kType == KvType::kF32) {
            return load_weights<DataType::kF32>(from + index * 4);
        } else if constexpr (kType == KvType::kF16) {
            return load_weights<DataType::kF16>(from + index * 2);
        } else if constexpr (kType == KvType::kI8) {
            return of_bytes(vreinterpret_s8_u8(vld1_u8(bytes + index)));
        } else {
            std::uint32_t four;
            std::memcpy(&four, bytes + index / 2, sizeof four);
            const uint8x8_t pairs = vreinterpret_u8_u32(vdup_n_u32(four));
            return of_nibbles(vzip1_u8(vand_u8(pairs, vdup_n_u8(15)), vshr_n_u8(pairs, 4)));
        }
    }

    // The nibbles at bit `shift` of kWidth bytes, less 8.
    static Vector nibbles(const std::byte* from, std::int64_t shift) {
        const uint8x8_t bytes = vld1_u8(reinterpret_cast<const std::uint8_t*>(from));
        const uint8x8_t shifted = vshl_u8(bytes, vdup_n_s8(static_cast<std::int8_t>(-shift)));
        return of_nibbles(vand_u8(shifted, vdup_n_u8(15)));
    }

    static void store_halves(std::byte* to, Vector v) {
        const float16x8_t halves = vcombine_f16(vcvt_f16_f32(v.low), vcvt_f16_f32(v.high));
        vst1q_u8(reinterpret_cast<std::uint8_t*>(to), vreinterpretq_u8_f16(halves));
    }

    // v · 2^n for whole n up to 127; 0 for n below -126.
    static Vector scale_or_zero(Vector v, Vector n) { return scale(v, max(n, all(-127.0F))); }

private:
    static Vector of_bytes(int8x8_t bytes) {
        const int16x8_t wide = vmovl_s8(bytes);
        return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide))), vcvtq_f32_s32(vmovl_high_s16(wide))};
    }

    static Vector of_nibbles(uint8x8_t nibbles) {
        return of_bytes(vsub_s8(vreinterpret_s8_u8(nibbles), vdup_n_s8(8)));
    }
};

}  // namespace

const AttentionKernels kNeonAttention = {
    .isa = Isa::kNeon,
    .store = vector_kv_store<AttentionNeon>,
    .span = vector_attention_span<AttentionNeon>,
    .merge = vector_attention_merge<AttentionNeon>,
};

}  // namespace capstan::engine::kernels

#endif
