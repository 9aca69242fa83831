# What we stand on, all from Debian's packages; tools/install-deps names the packages.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(LIBMD REQUIRED IMPORTED_TARGET libmd)
find_package(nng REQUIRED CONFIG)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)

# The same for rondo.pc and the CMake package.
set(rondo_modules jansson sqlite3 zlib libzstd libmd libmicrohttpd libcurl)

add_library(rondo_dependencies INTERFACE)
target_link_libraries(rondo_dependencies INTERFACE
  PkgConfig::JANSSON PkgConfig::SQLITE PkgConfig::ZLIB PkgConfig::ZSTD PkgConfig::LIBMD
  nng::nng PkgConfig::MICROHTTPD PkgConfig::CURL ${CMAKE_DL_LIBS}
  Threads::Threads m)
