unit(route LAYER domain DEPS base INCLUDES ${CMAKE_SOURCE_DIR}/include)
