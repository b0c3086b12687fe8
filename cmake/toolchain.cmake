# How all our code is compiled: warnings as errors, sanitizers when asked for, ccache and mold when there.
add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  -Wno-missing-designated-field-initializers  # A struct of arguments names what it sets; the rest has defaults.
  -fno-omit-frame-pointer)

set(CAPSTAN_TEST_OPTIONS "")  # For what tests are made of, not what they test.
if(CAPSTAN_SANITIZE)
  set(CAPSTAN_TEST_OPTIONS -O0)  # Halves the time to compile; what is tested keeps its -O1.
  add_compile_options(-fsanitize=${CAPSTAN_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CAPSTAN_SANITIZE})
endif()

if(CAPSTAN_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  if(NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${PROJECT_SOURCE_DIR}/cmake/ccache.sh)
    add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
    # Some libraries' flags say this and some do not; a precompiled header is only for files that agree with it.
    add_compile_options(-pthread)
  endif()
endif()

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
