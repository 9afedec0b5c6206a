file(GLOB gateway_actions CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/action/*.c)
unit(gateway LAYER app DEPS base model schema loop store bot chat auth LIBS PkgConfig::PROTOBUFC SOURCES ${gateway_actions})
