# A stand-in for vcpkg: runs the portfile with functions that do what vcpkg's do, as far as this port goes.
# It proves the options, the layout and the features of the port, not that vcpkg itself accepts it.
#   cmake -DPORT_DIR= -DFEATURES=core|net -DPREFIX= -DGENERATOR= -DCXX= -DLLHTTP= -DLLHTTP_INCLUDE= -P ...
cmake_minimum_required(VERSION 3.25)
set(CURRENT_PACKAGES_DIR ${PREFIX})
set(CURRENT_BUILDTREES_DIR ${PREFIX}-build)
file(REMOVE_RECURSE ${CURRENT_PACKAGES_DIR} ${CURRENT_BUILDTREES_DIR})
get_filename_component(PORT ${PORT_DIR} NAME)

# vcpkg's llhttp port installs a package, which Debian's does not: here it holds the library of this build.
if(FEATURES STREQUAL "net")
  file(CONFIGURE OUTPUT ${PREFIX}/share/llhttp/llhttp-config.cmake @ONLY CONTENT [[
if(NOT TARGET llhttp::llhttp_static)
  add_library(llhttp::llhttp_static STATIC IMPORTED)
  set_target_properties(llhttp::llhttp_static PROPERTIES IMPORTED_LOCATION "@LLHTTP@"
                        INTERFACE_INCLUDE_DIRECTORIES "@LLHTTP_INCLUDE@")
endif()
]])
endif()

function(vcpkg_check_features)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "OUT_FEATURE_OPTIONS" "FEATURES")
  set(options)
  while(arg_FEATURES)
    list(POP_FRONT arg_FEATURES feature option)
    set(value OFF)
    if(feature IN_LIST FEATURES)
      set(value ON)
    endif()
    list(APPEND options -D${option}=${value})
  endwhile()
  set(${arg_OUT_FEATURE_OPTIONS} ${options} PARENT_SCOPE)
endfunction()

function(vcpkg_cmake_configure)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "OPTIONS")
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${arg_SOURCE_PATH} -B ${CURRENT_BUILDTREES_DIR} -G ${GENERATOR}
    -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}
    -DCMAKE_PREFIX_PATH=${PREFIX} -DFETCHCONTENT_FULLY_DISCONNECTED=ON -DBUILD_SHARED_LIBS=OFF
    ${arg_OPTIONS} OUTPUT_VARIABLE log ERROR_VARIABLE log RESULT_VARIABLE failed)
  if(failed OR log MATCHES "not used by the project:[^\n]*\n[^-]*SIOKIT")
    message(FATAL_ERROR "the port's options do not fit the sources:\n${log}")
  endif()
endfunction()

function(vcpkg_cmake_install)
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${CURRENT_BUILDTREES_DIR} --target install
                  COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
endfunction()

function(vcpkg_cmake_config_fixup)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "CONFIG_PATH" "")
  set(there ${CURRENT_PACKAGES_DIR}/share/${PORT})
  file(MAKE_DIRECTORY ${there})
  file(GLOB files ${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/*.cmake)
  if(NOT files)
    message(FATAL_ERROR "the port says ${arg_CONFIG_PATH}, but nothing is there")
  endif()
  foreach(file IN LISTS files)
    file(READ ${file} text)
    string(REGEX REPLACE "(get_filename_component\\(_IMPORT_PREFIX \"\\\${_IMPORT_PREFIX}\" PATH\\)\n)+"
           "\\1\\1" text "${text}")
    get_filename_component(name ${file} NAME)
    file(WRITE ${there}/${name} "${text}")
  endforeach()
  file(REMOVE_RECURSE ${CURRENT_PACKAGES_DIR}/share/cmake)
endfunction()

function(vcpkg_install_copyright)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "FILE_LIST")
  file(INSTALL ${arg_FILE_LIST} DESTINATION ${CURRENT_PACKAGES_DIR}/share/${PORT} RENAME copyright)
endfunction()

include(${PORT_DIR}/portfile.cmake)

file(GLOB left RELATIVE ${PREFIX} ${PREFIX}/*)
if(NOT left STREQUAL "include;share")
  message(FATAL_ERROR "a header-only port installs include and share, not ${left}")
endif()
foreach(file include/siokit/version.hpp share/siokit/siokit-config.cmake share/siokit/copyright
        share/siokit/usage)
  if(NOT EXISTS ${PREFIX}/${file})
    message(FATAL_ERROR "the port does not install ${file}")
  endif()
endforeach()
