# The files of assets/ and those of dygraphs become one C file of the build, a table for assets/assets.h.
# Included by CMakeLists.txt it says how; run by `cmake -P` it does it: OUT is the C file, and FILES a list
# of NAME=PATH.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(RONDO_DYGRAPHS /usr/share/javascript/dygraphs CACHE PATH
      "where dygraph.min.js and dygraph.min.css are: Debian's libjs-dygraphs")
  set(RONDO_DYGRAPHS_LICENSE /usr/share/doc/libjs-dygraphs/copyright CACHE FILEPATH
      "the copyright and licence of dygraphs")
  foreach(file ${RONDO_DYGRAPHS}/dygraph.min.js ${RONDO_DYGRAPHS}/dygraph.min.css ${RONDO_DYGRAPHS_LICENSE})
    if(NOT EXISTS ${file})
      message(FATAL_ERROR "${file} is missing: install libjs-dygraphs (tools/install-deps does), or say where "
                          "dygraphs is: -DRONDO_DYGRAPHS=DIR -DRONDO_DYGRAPHS_LICENSE=FILE")
    endif()
  endforeach()

  set(rondo_assets ${PROJECT_BINARY_DIR}/assets_table.c)
  file(GLOB asset_files CONFIGURE_DEPENDS assets/*.html assets/*.css assets/*.js assets/*.svg)
  set(pairs dygraph.js=${RONDO_DYGRAPHS}/dygraph.min.js dygraph.css=${RONDO_DYGRAPHS}/dygraph.min.css
            dygraph.txt=${RONDO_DYGRAPHS_LICENSE})
  foreach(file ${asset_files})
    get_filename_component(name ${file} NAME)
    list(APPEND pairs ${name}=${file})
  endforeach()
  list(SORT pairs)
  list(JOIN pairs "," joined)
  add_custom_command(OUTPUT ${rondo_assets}
    COMMAND ${CMAKE_COMMAND} -DOUT=${rondo_assets} -DFILES=${joined} -P ${PROJECT_SOURCE_DIR}/cmake/assets.cmake
    DEPENDS ${asset_files} ${RONDO_DYGRAPHS}/dygraph.min.js ${RONDO_DYGRAPHS}/dygraph.min.css
            ${RONDO_DYGRAPHS_LICENSE} ${PROJECT_SOURCE_DIR}/cmake/assets.cmake
    COMMENT "Embedding assets" VERBATIM)
  return()
endif()

set(type_html "text/html; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_svg "image/svg+xml")
set(type_txt "text/plain; charset=utf-8")

set(arrays "")
set(table "")
set(count 0)
string(REPLACE "," ";" FILES "${FILES}")
foreach(pair ${FILES})
  string(REGEX MATCH "^([^=]+)=(.*)$" _ "${pair}")
  set(name ${CMAKE_MATCH_1})
  file(READ ${CMAKE_MATCH_2} hex HEX)
  string(LENGTH "${hex}" size)
  math(EXPR size "${size} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX MATCH "[a-z]+$" ending ${name})
  string(APPEND arrays "static const unsigned char bytes_${count}[] = {${bytes}0};\n")
  string(APPEND table "    { \"${name}\", \"${type_${ending}}\", bytes_${count}, ${size} },\n")
  math(EXPR count "${count} + 1")
endforeach()
file(WRITE ${OUT} "/* Made by cmake/assets.cmake. */\n#include \"assets/assets.h\"\n\n"
  "extern const struct asset asset_table[];\n\n${arrays}\n"
  "const struct asset asset_table[] = {\n${table}    { 0, 0, 0, 0 },\n};\n")
