include(${CMAKE_SOURCE_DIR}/cmake/embed.cmake)
unit(share LAYER app DEPS base SOURCES ${KEFU_SHARE_TABLE})
