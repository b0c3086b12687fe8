# How all our code is compiled: warnings as errors, sanitizers when asked for, ccache and mold when there.
add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  -Wno-missing-designated-field-initializers  # A struct of arguments names what it sets; the rest has defaults.
  -fno-omit-frame-pointer)

if(CAPSTAN_SANITIZE)
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
endif()

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
