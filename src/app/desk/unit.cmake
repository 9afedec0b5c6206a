unit(desk LAYER app DEPS base model route schema LIBS PkgConfig::PROTOBUFC TEST_DEPS chat_drive chat bot store TEST_LIBS PkgConfig::PROTOBUFC)
