# Flags that every target shares, as one interface library.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# Programmer errors assert in release too.
foreach(config RELEASE RELWITHDEBINFO MINSIZEREL)
  string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_${config} "${CMAKE_C_FLAGS_${config}}")
endforeach()

option(RONDO_TESTS "build the tests (needs Criterion)" ON)
option(RONDO_WERROR "warnings are errors" OFF)
set(RONDO_SANITIZE "" CACHE STRING "address, thread or fuzz (clang: libFuzzer): build with that sanitizer")

add_library(rondo_flags INTERFACE)
target_compile_definitions(rondo_flags INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE)
target_compile_options(rondo_flags INTERFACE
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wcast-qual -Wundef
  -Wformat=2 -Wconversion -fno-math-errno -fno-trapping-math
  # clang would also mean NAN in a table of doubles, and SQL that is cut into lines.
  $<$<C_COMPILER_ID:GNU>:-Wdouble-promotion> $<$<C_COMPILER_ID:Clang>:-Wno-string-concatenation>
  $<$<CONFIG:Debug>:-Og>)
if(RONDO_WERROR)
  target_compile_options(rondo_flags INTERFACE -Werror)
endif()
if(RONDO_SANITIZE STREQUAL "address")
  target_compile_options(rondo_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(rondo_flags INTERFACE -fsanitize=address,undefined)
elseif(RONDO_SANITIZE STREQUAL "fuzz")
  target_compile_options(rondo_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(rondo_flags INTERFACE -fsanitize=address,undefined)
elseif(RONDO_SANITIZE STREQUAL "thread")
  target_compile_options(rondo_flags INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
  target_link_options(rondo_flags INTERFACE -fsanitize=thread)
endif()
