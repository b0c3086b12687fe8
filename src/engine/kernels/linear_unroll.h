#pragma once

// Sums stay in registers when the loops over them are unrolled. With sanitizers nothing is fast, and each
// access is ten instructions more: there, unrolling only makes this slow to compile.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CAPSTAN_UNROLL _Pragma("clang loop unroll(disable)")
#else
#define CAPSTAN_UNROLL _Pragma("clang loop unroll(full)")
#endif
