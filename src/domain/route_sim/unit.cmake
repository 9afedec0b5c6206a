unit(route_sim LAYER domain DEPS base route INCLUDES ${CMAKE_SOURCE_DIR}/include LIBS m)
