unit(chat LAYER app DEPS base model schema store bot expr flow LIBS PkgConfig::PROTOBUFC TEST_DEPS chat_drive store_memory)
