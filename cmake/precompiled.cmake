# What nearly every file includes, parsed once for each preset: a third of the time of a build from nothing. Only what is not ours is
# in it, and the preset dev builds without it, so that a file still says what it uses.
file(WRITE ${PROJECT_BINARY_DIR}/precompiled.cc "")
set(precompiled_headers
    <algorithm> <array> <atomic> <chrono> <cmath> <condition_variable> <cstdint> <cstring> <filesystem> <functional> <map> <memory>
    <mutex> <optional> <random> <set> <span> <string> <string_view> <thread> <unordered_map> <utility> <variant> <vector>
    <fmt/format.h>)
add_library(capstan_precompiled OBJECT ${PROJECT_BINARY_DIR}/precompiled.cc)
target_link_libraries(capstan_precompiled PRIVATE fmt::fmt)
target_precompile_headers(capstan_precompiled PRIVATE ${precompiled_headers})
if(CAPSTAN_TESTS)
  add_library(capstan_precompiled_test OBJECT ${PROJECT_BINARY_DIR}/precompiled.cc)
  target_link_libraries(capstan_precompiled_test PRIVATE fmt::fmt GTest::gmock)
  target_compile_options(capstan_precompiled_test PRIVATE ${CAPSTAN_TEST_OPTIONS})
  target_precompile_headers(capstan_precompiled_test PRIVATE ${precompiled_headers} <gtest/gtest.h> <gmock/gmock.h>)
endif()
