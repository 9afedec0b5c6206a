unit(api LAYER app DEPS base model route routing text search examples intent schema store model_file auth bot learn LIBS PkgConfig::PROTOBUFC PkgConfig::SODIUM TEST_DEPS store_memory)
