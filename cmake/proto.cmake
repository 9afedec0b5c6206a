# From proto/kefu/v1/*.proto to C: build/<preset>/proto/kefu/v1/*.pb-c.{c,h} by protobuf-c, to be
# included as "kefu/v1/frame.pb-c.h" by units that list `schema` in their DEPS, and the tables of the
# JSON codec by tools/protogen.
#
# Sets KEFU_PROTO_DIR (the include path) and KEFU_PROTO_SOURCES.

find_program(PROTOC protoc REQUIRED)
find_program(PROTOC_GEN_C protoc-gen-c REQUIRED)
find_program(PYTHON3 python3 REQUIRED)

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
set(proto_set ${KEFU_PROTO_DIR}/schema.bin)
set(proto_tables ${KEFU_PROTO_DIR}/schema_tables.c)
file(GLOB protogen_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tools/protogen/*.py)
add_custom_command(
    OUTPUT ${proto_set} ${proto_tables}
    COMMAND ${PROTOC} -I ${CMAKE_SOURCE_DIR}/proto -I /usr/include --include_imports
        --include_source_info --descriptor_set_out=${proto_set} ${proto_files}
    COMMAND ${CMAKE_COMMAND} -E env PYTHONDONTWRITEBYTECODE=1
        ${PYTHON3} ${CMAKE_SOURCE_DIR}/tools/protogen/protogen.py ${proto_set} --tables ${proto_tables}
    DEPENDS ${proto_inputs} ${protogen_files}
    COMMENT "proto: tables"
    VERBATIM)
list(APPEND KEFU_PROTO_SOURCES ${proto_tables})
# Generated code follows its own rules; -w last wins over the warnings of the unit.
set_source_files_properties(${KEFU_PROTO_SOURCES} PROPERTIES COMPILE_OPTIONS -w)

set(protogen ${CMAKE_COMMAND} -E env PYTHONDONTWRITEBYTECODE=1
    ${PYTHON3} ${CMAKE_SOURCE_DIR}/tools/protogen/protogen.py ${proto_set})
add_custom_target(protocol_document
    COMMAND ${protogen} --document ${CMAKE_SOURCE_DIR}/docs/protocol.md DEPENDS ${proto_set} VERBATIM)
if(KEFU_TESTS)
    add_test(NAME docs/protocol COMMAND ${protogen} --document ${CMAKE_SOURCE_DIR}/docs/protocol.md --check)
endif()
