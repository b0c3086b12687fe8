#pragma once

// The one door to libtorch 1.13.
//
// Under clang 19 <ATen/core/ivalue.h> must come first (c10::IValue is incomplete in a constexpr std::vector
// otherwise). <torch/torch.h> would add torch::nn, which we do not use, and 6 s to each compilation; this
// costs 4 to 6 s. Include it from .cc files only, and from few.

// libtorch brings glog, whose CHECK is not ours (base/check.h): ours stays.

// clang-format off
#pragma push_macro("CHECK")
#undef CHECK
#include <ATen/core/ivalue.h>
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#undef CHECK
#pragma pop_macro("CHECK")
// clang-format on
