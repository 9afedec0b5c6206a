include(${CMAKE_SOURCE_DIR}/web/web.cmake)
unit(assets LAYER app DEPS base SOURCES ${KEFU_WEB_TABLE})
