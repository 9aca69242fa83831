# What we stand on, all from Debian's packages; tools/install-deps names the packages.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(LIBMD REQUIRED IMPORTED_TARGET libmd)

add_library(rondo_dependencies INTERFACE)
target_link_libraries(rondo_dependencies INTERFACE
  PkgConfig::JANSSON PkgConfig::SQLITE PkgConfig::ZLIB PkgConfig::ZSTD PkgConfig::LIBMD
  Threads::Threads m)
