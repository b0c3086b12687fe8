#pragma once

// Blocks of 256 with scales of scales (Q4_K, Q5_K, Q6_K): how their scales are found.
//
// For each group of neighbours several scales (and minima) are tried; with the codes that each gives, the
// best scale follows by weighted least squares, and so on in turn. The groups' scales are then rounded to
// their few bits, and the neighbours of each rounded scale are tried on the numbers themselves.

#include <cstddef>

namespace capstan::engine {

// 256 values; `importance` is null or [256] (see quantise.h).
void write_q4_k_block(const float* values, const float* importance, std::byte* out);
void write_q5_k_block(const float* values, const float* importance, std::byte* out);
void write_q6_k_block(const float* values, const float* importance, std::byte* out);

}  // namespace capstan::engine
