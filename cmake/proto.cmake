# From proto/kefu/v1/*.proto to C: build/<preset>/proto/kefu/v1/*.pb-c.{c,h} by protobuf-c, to be
# included as "kefu/v1/frame.pb-c.h" by units that list `schema` in their DEPS.
#
# Sets KEFU_PROTO_DIR (the include path) and KEFU_PROTO_SOURCES.

find_program(PROTOC protoc REQUIRED)
find_program(PROTOC_GEN_C protoc-gen-c REQUIRED)

set(KEFU_PROTO_DIR ${CMAKE_BINARY_DIR}/proto)
set(KEFU_PROTO_SOURCES "")
file(MAKE_DIRECTORY ${KEFU_PROTO_DIR})
file(GLOB proto_files CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/proto ${CMAKE_SOURCE_DIR}/proto/kefu/v1/*.proto)
list(APPEND proto_files google/protobuf/timestamp.proto)
set(proto_headers "")
set(proto_inputs "")
foreach(proto IN LISTS proto_files)
    string(REGEX REPLACE "\\.proto$" ".pb-c" stem ${proto})
    list(APPEND KEFU_PROTO_SOURCES ${KEFU_PROTO_DIR}/${stem}.c)
    list(APPEND proto_headers ${KEFU_PROTO_DIR}/${stem}.h)
    if(EXISTS ${CMAKE_SOURCE_DIR}/proto/${proto})
        list(APPEND proto_inputs ${CMAKE_SOURCE_DIR}/proto/${proto})
    endif()
endforeach()

# One command for all files: they import one another, and protoc starts once.
add_custom_command(
    OUTPUT ${KEFU_PROTO_SOURCES} ${proto_headers}
    COMMAND ${PROTOC} -I ${CMAKE_SOURCE_DIR}/proto -I /usr/include
        --plugin=protoc-gen-c=${PROTOC_GEN_C} --c_out=${KEFU_PROTO_DIR} ${proto_files}
    DEPENDS ${proto_inputs}
    COMMENT "proto: C"
    VERBATIM)
# Generated code follows its own rules; -w last wins over the warnings of the unit.
set_source_files_properties(${KEFU_PROTO_SOURCES} PROPERTIES COMPILE_OPTIONS -w)
