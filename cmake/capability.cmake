# capability(<name> [OWN_HEADERS] [USES <target>...] [PRIVATE_USES <target>...]) makes one room of the house:
#   library   capstan_<name>        every .cc in the folder
#   tests     capstan_<name>_test   every *_test.cc
#   benches   capstan_<name>_bench  every *_bench.cc
#   fuzzers   one program for each *_fuzz.cc, named after its file; it begins with what is in tests/fuzz/<its name>
# USES is what the room's headers need; PRIVATE_USES is what only its .cc files need. They are the only way to
# depend on another room; tools/check_house.py checks them, and the includes, against src/FLOORS.
#
# OWN_HEADERS is for a room whose libraries' options differ from everyone's: it cannot share cmake/precompiled.cmake.
#
# A test program finds what it may start or read by base/test_paths.h.
if(CAPSTAN_TESTS)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/test_paths.cc.in ${PROJECT_BINARY_DIR}/test_paths.cc @ONLY)
  add_library(capstan_test_paths ${PROJECT_BINARY_DIR}/test_paths.cc)
  target_include_directories(capstan_test_paths PRIVATE ${PROJECT_SOURCE_DIR}/src)
endif()

function(capability name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "OWN_HEADERS" "" "USES;PRIVATE_USES")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cc)
  set(tests ${sources})
  set(benches ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_(test|bench|fuzz)|/main)\\.cc$")
  add_library(capstan_${name} ${sources})
  target_include_directories(capstan_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(capstan_${name} PUBLIC ${arg_USES} PRIVATE ${arg_PRIVATE_USES})
  if(NOT arg_OWN_HEADERS)
    target_precompile_headers(capstan_${name} REUSE_FROM capstan_precompiled)
  endif()
  if(tests AND CAPSTAN_TESTS)
    add_executable(capstan_${name}_test ${tests})
    target_link_libraries(capstan_${name}_test PRIVATE capstan_${name} ${arg_PRIVATE_USES} capstan_test_paths GTest::gmock GTest::gtest_main)
    target_compile_options(capstan_${name}_test PRIVATE ${CAPSTAN_TEST_OPTIONS})
    if(NOT arg_OWN_HEADERS)
      target_precompile_headers(capstan_${name}_test REUSE_FROM capstan_precompiled_test)
    endif()
    gtest_discover_tests(capstan_${name}_test DISCOVERY_MODE PRE_TEST PROPERTIES LABELS ${name} TIMEOUT 300)
  endif()
  if(benches AND CAPSTAN_BENCH)
    add_executable(capstan_${name}_bench ${benches})
    target_link_libraries(capstan_${name}_bench PRIVATE capstan_${name} ${arg_PRIVATE_USES} benchmark::benchmark_main)
  endif()
  # Under ASan each is also a test: what is in tests/fuzz, and a thousand inputs made from it by a fixed seed.
  if(CAPSTAN_FUZZ OR (CAPSTAN_TESTS AND CAPSTAN_SANITIZE MATCHES address))
    foreach(fuzzer IN LISTS fuzzers)
      get_filename_component(program ${fuzzer} NAME_WE)
      add_executable(${program} ${fuzzer})
      target_link_libraries(${program} PRIVATE capstan_${name} ${arg_PRIVATE_USES})
      target_link_options(${program} PRIVATE -fsanitize=fuzzer)
      if(NOT arg_OWN_HEADERS)
        target_precompile_headers(${program} REUSE_FROM capstan_precompiled)
      endif()
      if(CAPSTAN_TESTS)
        file(GLOB seeds CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fuzz/${program})
        add_test(NAME fuzz.${program} COMMAND ${program} -runs=1000 -seed=1 -timeout=20 ${seeds})
        set_tests_properties(fuzz.${program} PROPERTIES LABELS ${name} TIMEOUT 300)
      endif()
    endforeach()
  endif()
endfunction()
