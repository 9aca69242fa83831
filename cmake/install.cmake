# What `cmake --install` puts where.  All of it may be moved as a whole: the package files find the
# prefix from their own place.
#   bin/rondo                    the command
#   include/rondo/*.h            for plug-ins and embedding programs
#   lib/librondo.a               everything but the command, static; there is no shared library: a
#                                plug-in needs none, its calls go through struct rondo_host
#   lib/pkgconfig/rondo.pc       and rondo-app.pc, the headers alone
#   lib/cmake/rondo/             find_package(rondo)
#   share/man, share/rondo/job.schema.json, share/doc/rondo
include(CMakePackageConfigHelpers)

set(rondo_link_options -rdynamic)
if(RONDO_SANITIZE STREQUAL "address")
  list(APPEND rondo_link_options -fsanitize=address,undefined)
elseif(RONDO_SANITIZE STREQUAL "thread")
  list(APPEND rondo_link_options -fsanitize=thread)
endif()
list(JOIN rondo_modules " " rondo_pc_modules)
list(JOIN rondo_link_options " " rondo_pc_libs)
string(APPEND rondo_pc_libs " -pthread -ldl -lm")

set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/rondo)
file(RELATIVE_PATH rondo_pc_prefix /prefix/${pc_dir} /prefix)
string(REGEX REPLACE "/$" "" rondo_pc_prefix "${rondo_pc_prefix}")
foreach(name rondo rondo-app)
  configure_file(cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/install/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/install/${name}.pc DESTINATION ${pc_dir})
endforeach()
configure_package_config_file(cmake/rondo-config.cmake.in
  ${PROJECT_BINARY_DIR}/install/rondo-config.cmake INSTALL_DESTINATION ${package_dir}
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/install/rondo-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/install/rondo-config.cmake
              ${PROJECT_BINARY_DIR}/install/rondo-config-version.cmake DESTINATION ${package_dir})

install(TARGETS rondo_core ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS rondo RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/rondo DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)
foreach(section 1 5)
  file(GLOB manual_pages CONFIGURE_DEPENDS docs/man/*.${section})
  install(FILES ${manual_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
install(FILES config/schema/job.schema.json DESTINATION ${CMAKE_INSTALL_DATADIR}/rondo)
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${RONDO_DYGRAPHS_LICENSE} DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME dygraphs.copyright) # it is in the binary
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN *.md
        PATTERN man EXCLUDE PATTERN README.md EXCLUDE)
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR} PATTERN build EXCLUDE)
