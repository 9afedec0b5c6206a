unit(route_model LAYER domain DEPS base route INCLUDES ${CMAKE_SOURCE_DIR}/include)
