include(${CMAKE_SOURCE_DIR}/cmake/proto.cmake)
unit(schema LAYER wire DEPS base LIBS PkgConfig::PROTOBUFC m SOURCES ${KEFU_PROTO_SOURCES} INCLUDES ${KEFU_PROTO_DIR})
