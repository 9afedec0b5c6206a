unit(learn LAYER app DEPS base schema text examples intent store model_file bot share LIBS PkgConfig::PROTOBUFC TEST_DEPS store_memory)
