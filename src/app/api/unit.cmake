unit(api LAYER app DEPS base model route routing search schema store auth LIBS PkgConfig::PROTOBUFC PkgConfig::SODIUM TEST_DEPS store_memory)
