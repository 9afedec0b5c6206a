unit(desk LAYER app DEPS base model TEST_DEPS chat_drive chat bot store schema TEST_LIBS PkgConfig::PROTOBUFC)
