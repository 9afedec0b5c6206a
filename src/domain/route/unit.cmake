unit(route LAYER domain DEPS base expr INCLUDES ${CMAKE_SOURCE_DIR}/include LIBS m)
