unit(chat LAYER app DEPS base model schema store bot LIBS PkgConfig::PROTOBUFC TEST_DEPS chat_drive store_memory)
