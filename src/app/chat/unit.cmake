unit(chat LAYER app DEPS base model schema store bot LIBS PkgConfig::PROTOBUFC TEST_DEPS store_memory)
